"""A tier that never fails its caller: an error is an event, and a tier that fails is left alone for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from gateway.cache.cooldown import Cooldown
from gateway.cache.tier import Entry, Purge, Replaced, Room, Tier, TierError, Validation, ValueRejected
from gateway.model import Result
from gateway.telemetry.events import CacheValueRejected, Observer, TierFailed

Found = TypeVar("Found")
_ORDERING = ("mark", "remember")
"""The operations on validations, as metrics call them: what was done without them is done again once they work."""


class FaultTolerantTier:
    """Skips *tier* while it fails: nothing is found or kept then. *cooldown* is shared by what fails together."""

    def __init__(
        self,
        tier: Tier,
        observe: Observer,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        cooldown: Cooldown | None = None,
    ) -> None:
        self.name = tier.name
        self._tier, self._observe = tier, observe
        self._cooldown = Cooldown(monotonic) if cooldown is None else cooldown

    def result(self, key: str) -> Result | None:
        return self._tried("result", lambda: self._tier.result(key), None)

    def put(self, result: Result, *, lifetime: float) -> bool:
        return self._tried("keep", lambda: self._tier.put(result, lifetime=lifetime), False)

    def results(self, keys: Iterable[str]) -> Mapping[str, Result]:
        nothing: Mapping[str, Result | ValueRejected] = {}
        found = self._tried("result", lambda: self._tier.results(keys), nothing)
        for value in found.values():
            if isinstance(value, ValueRejected):
                self._reject("result", value)
        return {key: value for key, value in found.items() if not isinstance(value, ValueRejected)}

    def put_all(self, results: Sequence[Result], *, lifetime: float) -> None:
        self._tried("keep", lambda: self._tier.put_all(results, lifetime=lifetime), None)

    def extend(self, key: str, *, lifetime: float) -> None:
        self._tried("extend", lambda: self._tier.extend(key, lifetime=lifetime), None)

    def validation(self, question: str) -> Validation | None:
        return self._tried("mark", lambda: self._tier.validation(question), None)

    def put_validation(self, question: str, validation: Validation, *, lifetime: float) -> Replaced | None:
        return self._tried("remember", lambda: self._tier.put_validation(question, validation, lifetime=lifetime), None)

    def entries(self) -> Iterator[Entry]:
        nothing: list[Entry] = []
        yield from self._tried("entries", lambda: list(self._tier.entries()), nothing)

    def drop(self, which: Purge) -> int:
        """Forget the results that are meant, however the tier did before. Raises ``TierError``."""
        self.wake()
        try:
            return self._tier.drop(which)
        except TierError as error:
            self._cooldown.failed()
            self._observe(TierFailed(tier=self.name, operation="drop", error=str(error)))
            raise

    def room(self) -> Room:
        return self._tried("room", self._tier.room, Room(works=False))

    def close(self) -> None:
        self._tier.close()

    def wake(self) -> None:
        """Use the tier again at once: it is known to work."""
        self._cooldown.succeeded()

    def was_missed(self) -> bool:
        """Tell, once, whether an answer was looked for or given without the tier, as soon as it may be used again."""
        return self._cooldown.was_missed()

    def _tried(self, operation: str, attempt: Callable[[], Found], otherwise: Found) -> Found:
        if not self._cooldown.permits():
            self._missed(operation)
            return otherwise
        try:
            found = attempt()
        except ValueRejected as error:
            self._cooldown.succeeded()
            self._reject(operation, error)
            return otherwise
        except TierError as error:
            self._cooldown.failed()
            self._missed(operation)
            self._observe(TierFailed(tier=self.name, operation=operation, error=str(error)))
            return otherwise
        self._cooldown.succeeded()
        return found

    def _reject(self, operation: str, error: ValueRejected) -> None:
        self._observe(CacheValueRejected(tier=self.name, operation=operation, reason=str(error)))

    def _missed(self, operation: str) -> None:
        if operation in _ORDERING:
            self._cooldown.missed()
