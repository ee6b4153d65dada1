"""The newest answer to each question, over all tiers, workers and hosts: after an answer, no older one is given.

An answer is published before it is sent: first the epoch of its question is advanced, then its validation is put into
the tiers, each of which keeps the newer of two in one step. Who looks an answer up reads the epoch before the tiers,
and trusts what he found only as long as the epoch stays the same.

    worker 1                                    worker 2
    reads the epoch, finds K1, trusts it
                                                advances the epoch, puts K2, sends K2
    sees that the epoch advanced,
    looks it up again, finds K2
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock

from cachetools import LRUCache

from gateway.cache.epochs import Epoch, Epochs
from gateway.cache.tier import Encodings, Tier, Validation

_UNPUBLISHED = 10_000
"""Questions at most that are published again once a tier is back; others are when they are asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationState:
    """What is known of the answers to a question: the newest, and those that may be newer still."""

    newest: Validation | None
    rivals: tuple[Validation, ...]
    """Validations of other answers, neither newer nor older: of hosts that listed at the same time."""
    is_newest: bool
    """Nobody gave a newer answer than the newest."""
    is_published: bool
    """The tier of the machine and every farther one have the newest."""
    epoch: Epoch
    distrusts: int
    """How many changes of other hosts were known before the lookup."""

    @property
    def all(self) -> tuple[Validation, ...]:
        """All validations that may be the newest."""
        return self.rivals if self.newest is None else (self.newest, *self.rivals)


class Validations:
    """The validations in all *tiers*, from the nearest to the farthest; the second is shared by the machine.

    *nearest* trusts what the first tier has, for as long as the *epochs* stay the same.
    """

    def __init__(self, tiers: Sequence[Tier], epochs: Epochs, nearest: Encodings | None) -> None:
        self._tiers, self._epochs, self._nearest = tuple(tiers), epochs, nearest
        self._shared = min(1, len(self._tiers) - 1)
        self._unpublished: LRUCache[str, float] = LRUCache(_UNPUBLISHED)
        """Questions whose answer a farther tier failed to take, with the lifetime of the validation in seconds."""
        self._lock = Lock()
        self.distrusts = 0
        """Counts the changes by other hosts that were read."""

    def trusted(self, question: str) -> Validation | None:
        """Return the validation that this process trusts without asking other tiers."""
        return None if self._nearest is None else self._nearest.trusted(question)

    def distrust(self, questions: Sequence[str] | None) -> None:
        """Trust the validations of questions no longer, None: of any, since other hosts gave other answers."""
        self.distrusts += 1
        if self._nearest is not None:
            for question in [None] if questions is None else questions:
                self._nearest.distrust(question)

    def lookup(self, question: str, tables: tuple[str, ...]) -> ValidationState:
        """Look the newest answer up in all tiers."""
        distrusts, epoch = self.distrusts, self._epochs.read(question, tables)
        found = [tier.validation(question) for tier in self._tiers]
        newest, rivals = _newest([validation for validation in found if validation is not None])
        shared, farther = found[self._shared], found[self._shared + 1 :]
        # The tier of the machine has the newest, written under the epoch as it is: no process gives another one now.
        settled = (
            shared is not None and newest is not None and shared.key == newest.key and shared.epoch == epoch.number
        )
        # The epoch was advanced since that tier was written: another answer may be on its way.
        advanced = shared is not None and shared.epoch != epoch.number
        is_newest = not rivals and (settled or (not advanced and any(_is(each, newest) for each in farther)))
        is_published = settled and all(_is(each, newest) for each in farther)
        return ValidationState(
            newest=newest,
            rivals=rivals,
            is_newest=is_newest,
            is_published=is_published,
            epoch=epoch,
            distrusts=distrusts,
        )

    def trust(self, question: str, state: ValidationState, *, lifetime: float) -> None:
        """Trust the newest answer from now on; publish it where a tier does not have it."""
        assert state.newest is not None
        if not state.is_published:
            self.publish(question, state.newest, state, lifetime=lifetime)
            return
        self._tiers[0].put_validation(question, state.newest, lifetime=lifetime)
        self._trust_here(question, state.newest.key, state.epoch, state.distrusts)

    def publish(
        self, question: str, validation: Validation, state: ValidationState, *, lifetime: float
    ) -> Validation | None:
        """Make an answer known to all before it is sent; return another, given before, that may be newer."""
        self._epochs.renew()
        with self._epochs.locked(state.epoch):
            return self._publish_locked(question, validation, state, lifetime)

    def publish_again(self) -> None:
        """Publish to the farther tiers what they failed to take."""
        with self._lock:
            unpublished = dict(self._unpublished)
            self._unpublished.clear()
        for question, lifetime in unpublished.items():
            validation = self._tiers[self._shared].validation(question)
            for tier in self._tiers[self._shared + 1 :]:
                if validation is not None and tier.put_validation(question, validation, lifetime=lifetime) is None:
                    self._note_unpublished(question, lifetime)

    def _note_unpublished(self, question: str, lifetime: float) -> None:
        with self._lock:
            self._unpublished[question] = lifetime

    def _publish_locked(
        self, question: str, validation: Validation, state: ValidationState, lifetime: float
    ) -> Validation | None:
        epoch = self._epochs.read_again(state.epoch)
        known = self._tiers[self._shared].validation(question)
        same = known is not None and known.key == validation.key and known.epoch == epoch.number
        epoch = epoch if same else self._epochs.advance(epoch)
        stamped, taken = replace(validation, epoch=epoch.number), False
        for tier in reversed(self._tiers):
            kept = tier.put_validation(question, stamped, lifetime=lifetime)
            if kept is None and tier not in self._tiers[: self._shared + 1]:
                self._note_unpublished(question, lifetime)
            before = None if kept is None else kept.before
            if before is not None and before.key != validation.key and not validation.follows(before):
                return before
            taken = taken or (kept is not None and tier is self._tiers[self._shared])
        if not same and not self._epochs.is_current(epoch):
            self._epochs.advance(epoch)  # another answer was given meanwhile; the tiers know which is newer
        elif taken:
            self._trust_here(question, validation.key, epoch, state.distrusts)
        return None

    def _trust_here(self, question: str, key: str, epoch: Epoch, distrusts: int) -> None:
        if self._nearest is None or distrusts != self.distrusts:
            return
        self._nearest.trust(question, key, epoch)
        if distrusts != self.distrusts:  # a change that came just now
            self._nearest.distrust(question)


def _newest(validations: Sequence[Validation]) -> tuple[Validation | None, tuple[Validation, ...]]:
    """Return the validation that follows the others, and its rivals."""
    newest: Validation | None = None
    for validation in validations:
        if newest is None or _later(validation, newest):
            newest = validation
    if newest is None:
        return None, ()
    rivals = [
        validation for validation in validations if validation.key != newest.key and not newest.follows(validation)
    ]
    return newest, tuple(rivals)


def _is(validation: Validation | None, newest: Validation | None) -> bool:
    return validation is not None and newest is not None and validation.key == newest.key and validation.follows(newest)


def _later(validation: Validation, other: Validation) -> bool:
    """Tell whether a validation is the newer of two; of two that saw the same, the one that was checked later."""
    if validation.follows(other) and other.follows(validation):
        return validation.checked_at > other.checked_at
    return validation.follows(other)
