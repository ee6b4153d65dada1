"""Results are written to the farther tiers behind the answer that they are given with.

    put ── fits? ── waits in memory ──┬── written by the one thread ── who waits for it is told
             └── no: dropped, counted └── found there meanwhile, forgotten there by who drops results

Only the copy waits: which answer is the newest (the validation) is written before the answer is sent. What is lost
with the process, or dropped because too much waits already, is computed again by whoever needs it.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from threading import Condition, Lock, Thread

from gateway.cache.fault_tolerant import FaultTolerantTier
from gateway.cache.purges import PurgeLog
from gateway.cache.tier import (
    Entry,
    OneByOne,
    Purge,
    Replaced,
    Room,
    Tier,
    TierError,
    Validation,
    ValueRejected,
    entry_of,
)
from gateway.model import Result
from gateway.telemetry.events import CopyDropped, Observer, unobserved

_OVERHEAD = 2_000
"""Bytes that a result costs beside its Arrow buffers."""
_PAUSE = 0.005
"""Seconds that the thread leaves the interpreter to the answer, each time that it begins."""
_WRITING = 5.0
"""Seconds that who drops results waits at most for one of them that is being written."""
DRAIN = 10.0
"""Seconds at most in which what waits is written at the end."""

Ended = Callable[[bool], None]
"""Told whether a result was kept, once it is written; it must not raise."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiting:
    tier: Tier
    result: Result
    lifetime: float
    entry: Entry
    dropped: bool = False
    ended: list[Ended] = field(default_factory=list)


_Place = tuple[Tier, str]
"""A tier, and the key of a result."""


class WriteQueue:
    """Results that wait to be written, up to *size* bytes; one thread writes them, in their order. Thread-safe.

    *purges* tells what other processes drop meanwhile: a reader of its own, which nobody else asks.
    """

    def __init__(
        self,
        size: int,
        *,
        observe: Observer = unobserved,
        purges: PurgeLog | None = None,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._size, self._observe, self._purges, self._pause = size, observe, purges, pause
        self._waiting: OrderedDict[_Place, _Waiting] = OrderedDict()
        self._written: _Waiting | None = None
        """What is being written."""
        self._used, self._keys, self._changed = 0, Counter[str](), Condition()
        self._purging = Lock()
        self._settling: dict[str, list[Callable[[], None]]] = {}
        self._thread: Thread | None = None
        self._closed = False

    def put(self, tier: Tier, result: Result, lifetime: float) -> bool:
        """Have a result written to *tier*; return False where it is dropped, for too much waits already.

        One that is larger than the queue is written now, and once the queue is closed, all are.
        """
        self._apply_purges()  # they are not about what comes after them
        entry = entry_of(result, int(result.table.get_total_buffer_size()) + _OVERHEAD)
        with self._changed:
            if not self._closed and self._used + entry.size <= self._size:
                self._add(_Waiting(tier=tier, result=result, lifetime=lifetime, entry=entry))
                return True
        if self._closed or entry.size > self._size:
            return tier.put(result, lifetime=lifetime)
        self._observe(CopyDropped(tier=tier.name, query=result.query, size=entry.size))
        return False

    def result(self, tier: Tier, key: str) -> Result | None:
        """Return a result that is not written yet."""
        with self._changed:
            found = self._of(tier, key)
        return None if found is None else found.result

    def extend(self, tier: Tier, key: str, lifetime: float) -> bool:
        """Keep a result that waits for *lifetime* at least; tell whether it still waits."""
        with self._changed:
            waiting = self._waiting.get((tier, key))
            if waiting is not None:
                waiting.lifetime = max(waiting.lifetime, lifetime)
            return waiting is not None

    def when_written(self, tier: Tier, key: str, ended: Ended) -> None:
        """Call *ended* once a result is written to *tier*: now, where it does not wait."""
        with self._changed:
            found = self._of(tier, key)
            if found is not None:
                found.ended.append(ended)
        if found is None:
            ended(True)

    def when_settled(self, key: str, call: Callable[[], None]) -> None:
        """Make a call once nothing waits under a key, for any tier: who finds nothing then, finds nothing later."""
        with self._changed:
            waits = self._keys[key] > 0
            if waits:
                self._settling.setdefault(key, []).append(call)
        if not waits:
            call()

    def entries(self, tier: Tier) -> list[Entry]:
        """List the results that wait to be written to *tier*."""
        with self._changed:
            return [waiting.entry for waiting in self._waiting.values() if waiting.tier is tier]

    def drop(self, tier: Tier, which: Purge) -> int:
        """Forget the results for *tier* that are meant, and wait for one that is being written; return how many."""
        forgotten = self.forget(which, tier)
        with self._changed:
            self._changed.wait_for(lambda: not self._writes(tier, which), _WRITING)
        return forgotten

    def forget(self, which: Purge, tier: Tier | None = None) -> int:
        """Forget what waits and is meant, for one tier, None: for all; return how many there were."""
        with self._changed:
            found = [
                place
                for place, waiting in self._waiting.items()
                if tier in (None, waiting.tier) and which.matches(waiting.entry)
            ]
            forgotten = [self._waiting.pop(place) for place in found]
            if self._written is not None and tier is None and which.matches(self._written.entry):
                self._written.dropped = True
        self._end(forgotten, kept=False)
        return len(forgotten)

    def close(self, seconds: float = DRAIN) -> None:
        """Write what waits, in so many seconds at most; idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(seconds)

    def _add(self, waiting: _Waiting) -> None:
        place = (waiting.tier, waiting.result.key)
        before = self._waiting.pop(place, None)
        if before is None:
            self._keys[waiting.result.key] += 1
        else:
            self._used -= before.entry.size
            waiting.ended = before.ended
        self._waiting[place] = waiting
        self._used += waiting.entry.size
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._work, name="write-behind", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _work(self) -> None:
        while self._has_work():
            if not self._closed:
                self._pause(_PAUSE)
            while (waiting := self._next()) is not None:
                self._write(waiting)

    def _has_work(self) -> bool:
        """Wait until something is to be written; False: nothing will be any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return bool(self._waiting)

    def _next(self) -> _Waiting | None:
        with self._changed:
            self._written = self._waiting.popitem(last=False)[1] if self._waiting else None
            return self._written

    def _write(self, waiting: _Waiting) -> None:
        kept = False
        try:
            with self._purges.held_off() if self._purges is not None else nullcontext():
                self._apply_purges()
                if not waiting.dropped:
                    kept = waiting.tier.put(waiting.result, lifetime=waiting.lifetime)
        except TierError:
            kept = False  # of a tier that reports its failures itself
        finally:
            self._end([waiting], kept)

    def _apply_purges(self) -> None:
        """Forget what other processes have dropped."""
        if self._purges is not None:
            with self._purging:  # who finds no purge may rely on it that what it means is forgotten
                for which in self._purges.unseen():
                    self.forget(which)

    def _end(self, ended: list[_Waiting], kept: bool) -> None:
        """Tell those who wait for results that these do not wait any more."""
        calls = list[Callable[[], None]]()
        with self._changed:
            for waiting in ended:
                key = waiting.result.key
                self._used -= waiting.entry.size
                self._keys[key] -= 1
                if waiting is self._written:
                    self._written = None
                if not self._keys[key]:
                    del self._keys[key]
                    calls += self._settling.pop(key, [])
            self._changed.notify_all()
        for waiting in ended:
            for tell in waiting.ended:
                tell(kept)
        for call in calls:
            call()

    def _of(self, tier: Tier, key: str) -> _Waiting | None:
        found = self._waiting.get((tier, key))
        if found is None and self._written is not None and self._written.tier is tier:
            found = self._written if self._written.result.key == key else None
        return found

    def _writes(self, tier: Tier, which: Purge) -> bool:
        return self._written is not None and self._written.tier is tier and which.matches(self._written.entry)


class WrittenBehind(OneByOne):
    """A tier to which results are written by a *queue*, behind their answers; validations are written at once."""

    def __init__(self, tier: FaultTolerantTier, queue: WriteQueue) -> None:
        self.name = tier.name
        self._tier, self._queue = tier, queue

    def result(self, key: str) -> Result | None:
        waiting = self._queue.result(self._tier, key)
        return self._tier.result(key) if waiting is None else waiting

    def put(self, result: Result, *, lifetime: float) -> bool:
        """Keep a result, soon; return whether it will be kept, as far as is known."""
        return self._queue.put(self._tier, result, lifetime)

    def results(self, keys: Iterable[str]) -> Mapping[str, Result | ValueRejected]:
        looked_for = list(keys)
        found = {key: self._queue.result(self._tier, key) for key in looked_for}
        waiting = {key: result for key, result in found.items() if result is not None}
        return {**self._tier.results(key for key in looked_for if key not in waiting), **waiting}

    def when_written(self, key: str, ended: Ended) -> None:
        """Call *ended* once the result of a key can be found by others, with whether it was kept."""
        self._queue.when_written(self._tier, key, ended)

    def extend(self, key: str, *, lifetime: float) -> None:
        if not self._queue.extend(self._tier, key, lifetime):
            self._tier.extend(key, lifetime=lifetime)

    def validation(self, question: str) -> Validation | None:
        return self._tier.validation(question)

    def put_validation(self, question: str, validation: Validation, *, lifetime: float) -> Replaced | None:
        return self._tier.put_validation(question, validation, lifetime=lifetime)

    def entries(self) -> Iterator[Entry]:
        waiting = {entry.key: entry for entry in self._queue.entries(self._tier)}
        yield from waiting.values()
        yield from (entry for entry in self._tier.entries() if entry.key not in waiting)

    def drop(self, which: Purge) -> int:
        """Forget the results that are meant, those that wait included. Raises ``TierError``."""
        return self._queue.drop(self._tier, which) + self._tier.drop(which)

    def room(self) -> Room:
        return self._tier.room()

    def wake(self) -> None:
        """Use the tier again at once: it is known to work."""
        self._tier.wake()

    def was_missed(self) -> bool:
        """Tell, once, whether an answer was looked for or given without the tier; see ``FaultTolerantTier``."""
        return self._tier.was_missed()

    def close(self) -> None:
        """Write what waits in any tier, then close this one."""
        self._queue.close()
        self._tier.close()
