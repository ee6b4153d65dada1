"""Kept answers over all tiers. Passive: it is looked up in and put into, and calls nobody.

A result is kept under its key, which names the query, its parameters and the versions of all files that it read. What
answers a question now is told by its validation: the key of the newest answer given, and when it was last known to be
right. See ``freshness`` for what may be served, ``validations`` for the order of answers among workers and hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b

from gateway.cache.epochs import Epochs
from gateway.cache.fault_tolerant import FaultTolerantTier
from gateway.cache.freshness import Stored
from gateway.cache.partials import Partials
from gateway.cache.purges import PurgeLog
from gateway.cache.summaries import Summaries
from gateway.cache.tier import Encodings, Entry, Purge, Ready, Room, Tier, TierError, Validation
from gateway.cache.validations import Validations, ValidationState
from gateway.cache.write_behind import WriteQueue, WrittenBehind
from gateway.errors import StorageFailed
from gateway.model import CachePolicy, Edition, Result, Summary

_NEAR = 3_600.0
"""Seconds that a nearer tier keeps a copy of a result found farther away."""
_CURSORS = 3_600.0
"""Seconds that a result is kept at least, so that its pages can be read to the end."""
_TOO_LARGE_SECONDS = 3_600.0
"""Seconds that a result is remembered to be too large to be kept."""
_UNSHARED_SECONDS = 60.0
"""Seconds that a result which no shared tier kept is remembered as such, so that nobody waits for a copy of it."""

_TOO_LARGE, _UNSHARED = "large", "unkept"

Enough = Callable[[Summary], bool]
"""Tells whether a caller needs no more of a result than its summary, e.g. has its rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheLookup:
    """A lookup in all tiers: the newest answer, if it is kept, and what ``validations`` know of its rivals."""

    stored: Stored | None
    state: ValidationState

    def after(self, announced: Callable[[], Mapping[str, Edition]]) -> CacheLookup:
        """Return the lookup, its answer not the newest where ``announced()`` tells of later editions of its tables.

        It is asked after the lookup, so that no announcement made meanwhile is missed, and only where it matters.
        """
        stored = self.stored
        if stored is None or not stored.newest:
            return self
        seen = stored.validation.seen
        if all(name in seen and seen[name].covers(edition) for name, edition in announced().items()):
            return self
        return replace(self, stored=replace(stored, newest=False))


class ResultCache:
    """Answers that were given before, over tiers from the nearest to the farthest.

    *ceiling* is the longest time, in seconds, that an answer may be served after its ``ttl``, whatever its policy.
    *behind* is where the farther tiers have results wait to be written; None: they are written at once.
    *epochs* tell the processes of a machine of each other's answers, *purges* brings what operators drop in other
    processes; *encodings* keeps bodies, and is the nearest of *tiers*; *summaries* are what outlives the rows.
    """

    def __init__(
        self,
        tiers: Sequence[Tier],
        *,
        clock: Callable[[], float],
        ceiling: float = 86_400.0,
        epochs: Epochs | None = None,
        purges: PurgeLog | None = None,
        encodings: Encodings | None = None,
        summaries: Summaries | None = None,
        partials: Partials | None = None,
        behind: WriteQueue | None = None,
    ) -> None:
        self._tiers, self._clock, self.ceiling = tuple(tiers), clock, ceiling
        self._purges, self._encodings, self._behind = purges, encodings, behind
        self._epochs = epochs or Epochs()
        self._validations = Validations(self._tiers, self._epochs, encodings)
        self._summaries = Summaries(()) if summaries is None else summaries
        self.partials = Partials(()) if partials is None else partials
        """The partials of which answers are put together."""

    def near(self, question: str, enough: Enough | None = None) -> Stored | None:
        """Return the answer of a question that this process trusts without asking farther tiers."""
        self._apply_purges()
        validation = self._validations.trusted(question)
        found = None if validation is None else self.find(validation.key, enough)
        if validation is None or found is None:
            return None
        return Stored(validation=validation, result=found[0], tier=found[1], newest=True)

    def lookup(self, question: str, tables: tuple[str, ...] = (), enough: Enough | None = None) -> CacheLookup:
        """Look in all tiers for the newest answer of a question over *tables*."""
        self._apply_purges()
        state = self._validations.lookup(question, tables)
        found = None if state.newest is None else self.find(state.newest.key, enough)
        if state.newest is None or found is None:
            return CacheLookup(stored=None, state=state)
        stored = Stored(validation=state.newest, result=found[0], tier=found[1], newest=state.is_newest)
        return CacheLookup(stored=stored, state=state)

    def trust(self, question: str, state: ValidationState, policy: CachePolicy) -> None:
        """Trust the answer of a lookup that was the newest for sure: ``near`` returns it from now on."""
        self._validations.trust(question, state, lifetime=self._lifetime(policy))

    def trusts(self, question: str, key: str) -> bool:
        """Tell whether this process trusts the answer of *key* for a question."""
        trusted = self._validations.trusted(question)
        return trusted is not None and trusted.key == key

    def find(self, key: str, enough: Enough | None = None) -> tuple[Result | Summary, str | None] | None:
        """Return a kept result, or its summary where that is *enough* and no rows are at hand.

        With it comes the name of the tier that had it, where that is not the nearest.
        """
        near = self._tiers[0].result(key)
        if near is not None:
            return near, None
        if enough is not None:
            summary = self._summaries.of(key)
            if summary is not None and enough(summary):
                return summary, None
        return self._found(key)

    def put(self, result: Result, policy: CachePolicy) -> None:
        """Keep a result in every tier that has room for it; in farther ones soon, see ``when_settled``."""
        kept = [tier.put(result, lifetime=self._lifetime(policy)) for tier in self._tiers]
        self._summaries.put(result)
        farthest = self._tiers[-1]
        if not kept[-1]:
            self._note_unshared(result.key, kept=False)
        elif isinstance(farthest, WrittenBehind):
            farthest.when_written(result.key, partial(self._note_unshared, result.key))

    def when_settled(self, key: str, call: Callable[[], None]) -> None:
        """Make a call once others find the result of a key, or never will: nothing of it waits to be written."""
        if self._behind is None:
            call()
        else:
            self._behind.when_settled(key, call)

    def extend(self, key: str, policy: CachePolicy) -> None:
        """Keep the result of a key for another lifetime: it was found to be right."""
        for tier in self._tiers:
            tier.extend(key, lifetime=self._lifetime(policy))
        self._summaries.extend(key)

    def publish(
        self, question: str, validation: Validation, state: ValidationState, policy: CachePolicy
    ) -> Validation | None:
        """Tell all workers and hosts of an answer that is about to be given; return one that may be newer."""
        return self._validations.publish(question, validation, state, lifetime=self._lifetime(policy))

    def note_too_large(self, key: str) -> None:
        """Remember that the result of a key is too large to be kept."""
        self._note(_TOO_LARGE, key, _TOO_LARGE_SECONDS)

    def is_too_large(self, key: str) -> bool:
        """Tell whether the result of a key is known to be too large to be kept."""
        return self._noted(_TOO_LARGE, key)

    def is_unshared(self, key: str) -> bool:
        """Tell whether the result of a key was not kept where others could have found it."""
        return self._noted(_UNSHARED, key)

    def ready(self, question: str, form: str | None) -> tuple[Ready, Result | Summary] | None:
        """Return the newest answer of a question with its body in one form, from the nearest tier alone.

        None where a part is missing. *form* None asks for no body.
        """
        if self._encodings is None:
            return None
        self._apply_purges()
        found = self._encodings.ready(question, form)
        if found is None:
            return None
        known = self._summaries.near(found.validation.key) if found.result is None else found.result
        return None if known is None else (found, known)

    def stored(self, key: str, digest: str | None = None) -> Result | None:
        """Return the kept result of a key, from the nearest tier; nearer tiers are given a copy.

        With a *digest* it is that very result, and none that was computed again to other bytes.
        """
        found = self._found(key, digest)
        return None if found is None else found[0]

    def summary(self, key: str) -> Summary | None:
        """Return what is known of the result of a key, whose rows may be gone."""
        return self._summaries.of(key)

    def encoding(self, key: str, form: str) -> bytes | None:
        """Return the body of a result in one form, where it was made before."""
        return None if self._encodings is None else self._encodings.encoding(key, form)

    def keep_encoding(self, result: Result, form: str, body: bytes) -> None:
        """Keep the body of a result in one form."""
        if self._encodings is not None:
            self._encodings.keep_encoding(result, form, body)

    @property
    def largest_body(self) -> int:
        """Bytes of the largest body of a result that can be kept."""
        return 0 if self._encodings is None else self._encodings.largest

    @property
    def used(self) -> int:
        """Bytes that are kept in the memory of this process."""
        return 0 if self._encodings is None else self._encodings.used

    def rooms(self) -> Sequence[tuple[str, str, Room]]:
        """Tell of every tier what it keeps, its name and how full it is."""
        return [*(("answers", tier.name, tier.room()) for tier in self._tiers), *self.partials.rooms()]

    def entries(self) -> Mapping[str, list[Entry]]:
        """List what every tier keeps, by the name of the tier."""
        return {tier.name: list(tier.entries()) for tier in self._tiers}

    def drop(self, which: Purge) -> Mapping[str, int]:
        """Forget results, in the memory of the other workers of this machine too; return how many, by tier.

        Raises ``StorageFailed`` where a tier still has some, after all others have forgotten them.
        """
        dropped, _ = self._dropped(which)
        if self._purges is not None:
            self._purges.announce(which)
        again, failed = self._dropped(which)  # what was copied from a farther tier meanwhile
        if failed:
            raise StorageFailed(f"Not everything could be dropped from {' and '.join(failed)}: ask again.")
        return {name: count + again[name] for name, count in dropped.items()}

    def _dropped(self, which: Purge) -> tuple[Mapping[str, int], Sequence[str]]:
        """Forget results in all tiers, the farthest first, from which nearer ones copy; tell which tiers failed."""
        found, failed = {tier.name: 0 for tier in reversed(self._tiers)}, list[str]()
        for tier in reversed(self._tiers):
            try:
                found[tier.name] = tier.drop(which)
            except TierError:  # FaultTolerantTier has reported it
                failed.append(tier.name)
        return found, [*failed, *self._summaries.drop(which), *self.partials.drop(which)]

    def distrust(self, questions: Sequence[str] | None) -> None:
        """Ask all tiers for the newest answers to questions, None: to all, the next time that they are asked.

        Changes are read from the tier that hosts share, the farthest, so it works and is used again at once.
        """
        farthest = self._tiers[-1]
        if isinstance(farthest, FaultTolerantTier | WrittenBehind):
            farthest.wake()
        self._validations.distrust(questions)

    def recover(self) -> None:
        """Once the tier that hosts share is back: distrust what was found without it, publish what was given."""
        farthest = self._tiers[-1]
        if isinstance(farthest, FaultTolerantTier | WrittenBehind) and farthest.was_missed():
            self._validations.distrust(None)
            self._validations.publish_again()

    def close(self) -> None:
        """Close the tiers."""
        for tier in self._tiers:
            tier.close()
        self._summaries.close()
        self.partials.close()

    def _found(self, key: str, digest: str | None = None) -> tuple[Result, str | None] | None:
        """Find a result, and the name of the tier that had it where that is not the nearest."""
        before = self._epochs.purges
        for depth, tier in enumerate(self._tiers):
            result = tier.result(key)
            if result is not None and digest in (None, result.digest):
                for nearer in self._tiers[:depth]:
                    nearer.put(result, lifetime=_NEAR)
                if depth:
                    self._summaries.copied(result)
                    if self._epochs.purges != before:  # maybe of this very result
                        self._forget_copies(result, depth)
                return result, (tier.name if depth else None)
        return None

    def _forget_copies(self, result: Result, depth: int) -> None:
        for nearer in self._tiers[:depth]:
            with suppress(TierError):  # FaultTolerantTier has reported it
                nearer.drop(Purge(query=result.query))

    def _note_unshared(self, key: str, kept: bool) -> None:
        if not kept:
            self._note(_UNSHARED, key, _UNSHARED_SECONDS)

    def _note(self, note: str, key: str, seconds: float) -> None:
        """Keep a note on a key in the farthest tier, for so many seconds."""
        self._tiers[-1].put_validation(
            _digest(note, key), Validation(key=key, checked_at=self._clock()), lifetime=seconds
        )

    def _noted(self, note: str, key: str) -> bool:
        return self._tiers[-1].validation(_digest(note, key)) is not None

    def _apply_purges(self) -> None:
        """Drop from the memory of this process what other processes dropped."""
        if self._purges is not None:
            for which in self._purges.unseen():
                self._tiers[0].drop(which)
                self._summaries.drop_near(which)
                self.partials.drop_near(which)
                if self._behind is not None:
                    self._behind.forget(which)

    def _lifetime(self, policy: CachePolicy) -> float:
        stale = min(max(policy.stale_while_revalidate, policy.stale_if_error), self.ceiling)
        return max(policy.ttl + stale, _CURSORS)


def _digest(note: str, key: str) -> str:
    """Digest the name of a note on *key*."""
    return blake2b(f"{note} {key}".encode(), digest_size=20).hexdigest()
