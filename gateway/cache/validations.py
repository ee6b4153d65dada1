"""Which answer to a question is the newest that was given, over all tiers, workers and hosts.

An answer is given only after everybody who may know an older one can see that there is a newer: first the board is
turned, then the mark is put into the tiers, each of which keeps the newer of two in one step, and only then is it
sent. Who looks for an answer sees the board first and the tiers after it, so that what he then remembers is doubted
from the moment on at which anybody else gives another.

    worker 1                                    worker 2
    sees the board, finds K1, believes it
                                                turns the board, marks K2, sends K2
    sees that the board was turned,
    looks again, finds K2
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock

from cachetools import LRUCache

from gateway.cache.board import Board, Sight
from gateway.cache.tier import Encodings, Tier, Validation

_UNTOLD = 10_000
"""Questions at most that a tier is told of once it is back; of others it learns when they are asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of the answers to a question: the newest, and those that may be newer still."""

    newest: Validation | None
    rivals: tuple[Validation, ...]
    """Marks of other answers that the newest does not follow, nor they it: of hosts that listed at the same time."""
    sure: bool
    """Nobody gave a newer answer than the newest."""
    told: bool
    """The newest is what the machine's own tier says, and every farther one."""
    sight: Sight
    doubts: int
    """How often other hosts had told of answers before."""

    @property
    def all(self) -> tuple[Validation, ...]:
        """All marks that may be the newest."""
        return self.rivals if self.newest is None else (self.newest, *self.rivals)


class Validations:
    """The marks of all *tiers*, from the nearest to the farthest; the second is shared by the machine.

    *nearest* relies on what the first tier knows, for as long as the *board* says nothing else.
    """

    def __init__(self, tiers: Sequence[Tier], board: Board, nearest: Encodings | None) -> None:
        self._tiers, self._board, self._nearest = tuple(tiers), board, nearest
        self._shared = min(1, len(self._tiers) - 1)
        self._untold: LRUCache[str, float] = LRUCache(_UNTOLD)
        """Lifetimes, in seconds, of the marks of questions that a farther tier was not told of, since it failed."""
        self._lock = Lock()
        self.doubts = 0
        """Counts the times that other hosts told of answers."""

    def believed(self, question: str) -> Validation | None:
        """Return the mark that this process relies on without asking anybody."""
        return None if self._nearest is None else self._nearest.believed(question)

    def doubt(self, questions: Sequence[str] | None) -> None:
        """Rely no longer on the marks of questions, None: of any, since other hosts gave other answers."""
        self.doubts += 1
        if self._nearest is not None:
            for question in [None] if questions is None else questions:
                self._nearest.doubt(question)

    def look(self, question: str, tables: tuple[str, ...]) -> Standing:
        """Look for the newest answer in all tiers."""
        doubts, sight = self.doubts, self._board.see(question, tables)
        found = [tier.mark(question) for tier in self._tiers]
        newest, rivals = _newest([mark for mark in found if mark is not None])
        shared = found[self._shared]
        marked = shared is not None and newest is not None and shared.key == newest.key and shared.sign == sight.word
        known = shared is None or shared.sign == sight.word
        afar = known and any(_is(mark, newest) for mark in found[self._shared + 1 :])
        sure = not rivals and (marked or afar)
        told = marked and all(_is(mark, newest) for mark in found[self._shared + 1 :])
        return Standing(newest=newest, rivals=rivals, sure=sure, told=told, sight=sight, doubts=doubts)

    def trust(self, question: str, standing: Standing, *, lifetime: float) -> None:
        """Rely on the newest answer, which was found to be that for sure."""
        assert standing.newest is not None
        if not standing.told:
            self.give(question, standing.newest, standing, lifetime=lifetime)
            return
        self._tiers[0].remember(question, standing.newest, lifetime=lifetime)
        self._believe(question, standing.newest.key, standing.sight, standing.doubts)

    def give(self, question: str, mark: Validation, standing: Standing, *, lifetime: float) -> Validation | None:
        """Tell everybody of an answer that is about to be given; return that of one given before that may be newer."""
        self._board.renew()
        with self._board.alone(standing.sight):
            return self._given(question, mark, standing, lifetime)

    def tell_again(self) -> None:
        """Tell the farther tiers of the answers that were given while these could not be told."""
        with self._lock:
            untold = dict(self._untold)
            self._untold.clear()
        for question, lifetime in untold.items():
            mark = self._tiers[self._shared].mark(question)
            for tier in self._tiers[self._shared + 1 :]:
                if mark is not None and tier.remember(question, mark, lifetime=lifetime) is None:
                    self._note_untold(question, lifetime)

    def _note_untold(self, question: str, lifetime: float) -> None:
        with self._lock:
            self._untold[question] = lifetime

    def _given(self, question: str, mark: Validation, standing: Standing, lifetime: float) -> Validation | None:
        sight = self._board.see_again(standing.sight)
        known = self._tiers[self._shared].mark(question)
        same = known is not None and known.key == mark.key and known.sign == sight.word
        sight = sight if same else self._board.turn(sight)
        signed, taken = replace(mark, sign=sight.word), False
        for tier in reversed(self._tiers):
            kept = tier.remember(question, signed, lifetime=lifetime)
            if kept is None and tier not in self._tiers[: self._shared + 1]:
                self._note_untold(question, lifetime)
            before = None if kept is None else kept.before
            if before is not None and before.key != mark.key and not mark.follows(before):
                return before
            taken = taken or (kept is not None and tier is self._tiers[self._shared])
        if not same and not self._board.unturned(sight):
            self._board.turn(sight)  # somebody else gave an answer meanwhile; which of the two is newer, the tiers know
        elif taken:
            self._believe(question, mark.key, sight, standing.doubts)
        return None

    def _believe(self, question: str, key: str, sight: Sight, doubts: int) -> None:
        if self._nearest is None or doubts != self.doubts:
            return
        self._nearest.believe(question, key, sight)
        if doubts != self.doubts:  # told of just now
            self._nearest.doubt(question)


def _newest(marks: Sequence[Validation]) -> tuple[Validation | None, tuple[Validation, ...]]:
    """Find the mark that follows the others, and those of other answers of which that is not known."""
    newest: Validation | None = None
    for mark in marks:
        if newest is None or _later(mark, newest):
            newest = mark
    if newest is None:
        return None, ()
    rivals = [mark for mark in marks if mark.key != newest.key and not newest.follows(mark)]
    return newest, tuple(rivals)


def _is(mark: Validation | None, newest: Validation | None) -> bool:
    return mark is not None and newest is not None and mark.key == newest.key and mark.follows(newest)


def _later(mark: Validation, other: Validation) -> bool:
    """Tell whether a mark is the newer of two; of two that saw the same, the one that was checked later."""
    if mark.follows(other) and other.follows(mark):
        return mark.checked_at > other.checked_at
    return mark.follows(other)
