"""Who is next: the waiting queries in the order in which they may run. Knows no clock and no thread.

There are two lines, one of cheap queries and one of heavy ones. A free slot goes to them by turns, and one slot (of
two or more) is never given to a heavy query, so that neither kind starves the other. Within a line the principals
take turns, and the queries of one principal keep their order.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event


@dataclass(slots=True, kw_only=True, eq=False)
class Waiter:
    """One query that wants a slot. ``settled`` is set once it has one, or was refused for the reason ``refused``."""

    principal: str
    heavy: bool
    settled: Event = field(default_factory=Event)
    refused: str | None = None


class Line:
    """Waiting queries of one kind: principals by turns, first come first served within each."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[Waiter]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, waiter: Waiter) -> bool:
        return waiter in self._waiting.get(waiter.principal, ())

    def join(self, waiter: Waiter) -> None:
        """Let *waiter* wait behind those of the same principal."""
        self._waiting.setdefault(waiter.principal, deque()).append(waiter)
        self._count += 1

    def leave(self, waiter: Waiter) -> None:
        """Forget *waiter*; its principal keeps its turn while others of it wait."""
        waiting = self._waiting[waiter.principal]
        waiting.remove(waiter)
        self._count -= 1
        if not waiting:
            del self._waiting[waiter.principal]

    def next(self) -> Waiter:
        """Take out the first query of the principal whose turn it is."""
        principal, waiting = next(iter(self._waiting.items()))
        waiter = waiting[0]
        self.leave(waiter)
        if principal in self._waiting:
            self._waiting.move_to_end(principal)
        return waiter

    def crowding(self, waiter: Waiter) -> Waiter:
        """Name who must go where there is one too many: the last of the principal with the most waiting.

        That is *waiter* itself, who came last, unless somebody else would still have as many without its last one.
        """
        longest = max(self._waiting.values(), key=len)
        own = self._waiting[waiter.principal]
        return longest[-1] if len(longest) > len(own) else waiter


class Turns:
    """Gives *slots* to cheap and heavy queries; at most *places* wait, a quarter of them for cheap ones only."""

    def __init__(self, *, slots: int, places: int, changed: Callable[[int, int], None] = lambda running, waiting: None):
        self.running, self.heavy = 0, 0
        self._slots, self._heavy_slots = slots, max(1, slots - 1)
        self._places = places
        self._heavy_places = max(min(places, 1), places - max(1, places // 4))
        self._lines = {False: Line(), True: Line()}
        self._heavy_next = False
        self._changed = changed

    @property
    def waiting(self) -> int:
        """Number of queries that wait."""
        return sum(len(line) for line in self._lines.values())

    def join(self, waiter: Waiter) -> None:
        """Settle *waiter* at once where a slot is free for it, or let it wait; refuse one where the line is full.

        One that was given up before it came is settled.
        """
        if waiter.settled.is_set():
            return
        self._lines[waiter.heavy].join(waiter)
        self._give()
        if not waiter.settled.is_set() and self._is_full(waiter.heavy):
            self._refuse(self._lines[waiter.heavy].crowding(waiter), "full")
        self._changed(self.running, self.waiting)

    def give_up(self, waiter: Waiter, reason: str) -> None:
        """Let *waiter* wait no longer, unless it is settled; it may not have come yet."""
        if not waiter.settled.is_set():
            self._refuse(waiter, reason)
            self._changed(self.running, self.waiting)

    def finish(self, waiter: Waiter) -> None:
        """Take back the slot of *waiter* and give it to the next."""
        self.running -= 1
        self.heavy -= waiter.heavy
        self._give()
        self._changed(self.running, self.waiting)

    def _give(self) -> None:
        for waiter in self._served():
            self.running += 1
            self.heavy += waiter.heavy
            waiter.settled.set()

    def _served(self) -> Iterator[Waiter]:
        """Take from the lines whoever may run now."""
        while self.running < self._slots:
            may = {False: bool(self._lines[False]), True: bool(self._lines[True]) and self.heavy < self._heavy_slots}
            kind = self._heavy_next if may[self._heavy_next] else not self._heavy_next
            if not may[kind]:
                return
            self._heavy_next = not kind
            yield self._lines[kind].next()

    def _is_full(self, heavy: bool) -> bool:
        return self.waiting > self._places or (heavy and len(self._lines[True]) > self._heavy_places)

    def _refuse(self, waiter: Waiter, reason: str) -> None:
        line = self._lines[waiter.heavy]
        if waiter in line:
            line.leave(waiter)
        waiter.refused = reason
        waiter.settled.set()
