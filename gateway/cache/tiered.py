"""Results over all tiers: two clocks decide whether an answer may be served.

Within its ``ttl`` an answer is served without asking. After it, the question is planned again: if the key is the
same, nothing that it read has changed, and the answer is stamped anew without running anything; if not, it is
computed. A change outside the selected files therefore never runs a query again.

An answer whose data changed may still be served for a while (``stale_while_revalidate``, RFC 5861) as one refresh
runs behind it, and for another while when computing it fails (``stale_if_error``); both say so. What a caller asks of
the cache (``model.Directives``) can only make it stricter.

A result that is too large to be kept is for one caller: its rows are sent while they are computed. That it is too
large is remembered, so that the next who asks gets the first rows as soon as they are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b

from gateway.cache.asked import Asked, Fetched, Filling, Prepared, Taking
from gateway.cache.backoff import Backoff
from gateway.cache.board import Board
from gateway.cache.fault_tolerant import FaultTolerantTier
from gateway.cache.flight import Flight, Flights
from gateway.cache.purges import PurgeLog
from gateway.cache.summaries import Summaries
from gateway.cache.tier import Encodings, Entry, Purge, Tier, TierError, Validation
from gateway.cache.validations import Standing, Validations
from gateway.concurrency.cancellation import Cancellation
from gateway.errors import TOO_LARGE, CapacityError, NotCached, ResultTooLarge, StorageFailed, UpstreamError
from gateway.model import CachePolicy, CacheStatus, Directives, Edition, Result, Streamed, Summary
from gateway.row_tee import RowTee

_NEAR = 3_600.0
"""Seconds that a nearer tier keeps a copy of a result found farther away."""
_CURSORS = 3_600.0
"""Seconds that a result is kept at least, so that its pages can be read to the end."""
_SKEW = 5.0
"""Seconds that the clock of another host may be ahead of this one's."""
_UNKEPT = 60.0
"""Seconds that a result too large to keep is remembered as such, so that nobody waits for another's copy of it."""

_LARGE = 3_600.0
"""Seconds that a result is remembered to be too large to be kept."""
_COMPARISONS = 3
"""Times that an answer is compared with one that another host gives meanwhile."""
EARLY = 8 * 2**20
"""Bytes from which on rows are sent while they are computed where nothing is kept; less comes whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The newest answer that is kept for a question, and the mark that says when it was last right."""

    mark: Validation
    result: Result | Summary
    tier: str | None = None
    """The tier that had it, where that is not the nearest."""
    fresh: bool
    """Its ``ttl`` counts: it is the newest for sure, and no change of what it read was announced since."""


class Results:
    """Answers that were given before, over tiers from the nearest to the farthest.

    *ceiling* is the longest time, in seconds, that an answer may be served after its ``ttl``, whatever its policy.
    *board* is what the processes of a machine tell each other of answers, *drops* brings what operators drop in other
    processes; *encodings* keeps bodies, and is the nearest of *tiers*; *summaries* are what outlives the rows.
    """

    def __init__(
        self,
        tiers: Sequence[Tier],
        flights: Flights,
        *,
        clock: Callable[[], float],
        ceiling: float = 86_400.0,
        board: Board | None = None,
        drops: PurgeLog | None = None,
        encodings: Encodings | None = None,
        summaries: Summaries | None = None,
    ) -> None:
        self._tiers, self._flights, self._clock, self._ceiling = tuple(tiers), flights, clock, ceiling
        self._drops, self._encodings = drops, encodings
        self._board = board or Board()
        self.marks = Validations(self._tiers, self._board, encodings)
        self._summaries = Summaries(()) if summaries is None else summaries
        self._refreshes = Backoff(clock)

    def fetch(self, asked: Asked) -> Fetched:
        """Answer a question from the tiers, or by computing it, once for all who ask it now.

        Raises ``NotCached`` where the caller wants nothing computed, and what computing raises.
        """
        self._follow_drops()
        if not asked.policy.enabled:
            self._may_compute(asked)
            return self._alone(asked, asked.prepare(), fwd="bypass")
        known = self._believed(asked)
        if known is not None and self._may_be_fresh(known, asked):
            return self._served(known, asked.policy, detail=known.tier)
        standing = self.marks.look(asked.question, asked.tables)
        known = self._known(asked, standing)
        if known is not None and self._may_be_fresh(known, asked):
            self.marks.trust(asked.question, standing, lifetime=self._lifetime(asked.policy))
            return self._served(known, asked.policy, detail=known.tier)
        try:
            return self._revalidated(asked, known, standing)
        except (UpstreamError, CapacityError) as error:
            if known is None or not self._may_be_stale(known, asked, asked.policy.stale_if_error):
                raise
            return self._stale(known, asked.policy, f"stale-if-error; {error.code}", fwd="stale")

    def ready(self, question: str, form: str | None, policy: CachePolicy) -> Prepared | None:
        """Return the answer that ``fetch`` would give at once, with its body in one form, from the nearest tier alone.

        None where ``fetch`` would have to look farther, to ask, or to compute. *form* None asks for no body.
        """
        if self._encodings is None:
            return None
        self._follow_drops()
        found = self._encodings.ready(question, form)
        if found is None:
            return None
        known = self._summaries.near(found.mark.key) if found.result is None else found.result
        left = self._left(found.mark, policy)
        if known is None or left <= 0:
            return None
        return Prepared(known.readings, found.body, self._age(found.mark.checked_at), left)

    def renew(self, asked: Asked) -> Fetched:
        """Make sure that the newest answer of a question is kept, and start its ``ttl`` anew: for nobody who waits.

        Raises what computing raises.
        """
        self._follow_drops()
        standing = self.marks.look(asked.question, asked.tables)
        filling, confirmed = self._compared(asked, standing)
        return confirmed or self._flown(asked, filling, standing)

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
    def used(self) -> int:
        """Bytes that are kept in the memory of this process."""
        return 0 if self._encodings is None else self._encodings.used

    def entries(self) -> Mapping[str, list[Entry]]:
        """List what every tier keeps, by the name of the tier."""
        return {tier.name: list(tier.entries()) for tier in self._tiers}

    def drop(self, which: Purge) -> Mapping[str, int]:
        """Forget results, in the memory of the other workers of this machine too; return how many, by tier.

        Raises ``StorageFailed`` where a tier still has some, after all others have forgotten them.
        """
        dropped, _ = self._dropped(which)
        if self._drops is not None:
            self._drops.announce(which)
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
            except TierError:  # its guard has told
                failed.append(tier.name)
        return found, [*failed, *self._summaries.drop(which)]

    def doubt(self, questions: Sequence[str] | None) -> None:
        """Ask all tiers for the newest answers to questions, None: to all, the next time that they are asked.

        Who tells of other answers was told by a tier that hosts share, which therefore works.
        """
        for tier in self._tiers:
            if isinstance(tier, FaultTolerantTier):
                tier.wake()
        self.marks.doubt(questions)

    def recover(self) -> None:
        """Once a tier may be used again without which answers were found or given: doubt these, and tell of those."""
        missed = [tier for tier in self._tiers if isinstance(tier, FaultTolerantTier) and tier.was_missed()]
        if missed:
            self.marks.doubt(None)
            self.marks.tell_again()

    def close(self) -> None:
        """Finish what is being computed, then close the tiers."""
        self._flights.close()
        for tier in self._tiers:
            tier.close()
        self._summaries.close()

    def _revalidated(self, asked: Asked, known: _Known | None, standing: Standing) -> Fetched:
        """Compare what is kept with what would be read now: serve it, serve it stale, or compute."""
        filling, confirmed = self._compared(asked, standing)
        if confirmed is not None:
            return confirmed
        if known is not None and known.fresh and self._may_be_stale(known, asked, asked.policy.stale_while_revalidate):
            if not asked.quick:
                self._refresh_behind(asked, filling, standing)
            return self._stale(known, asked.policy, "stale-while-revalidate")
        if asked.taking is not None and asked.taking.has(filling.key):
            self._give(asked, _mark_of(filling), standing)
            status = CacheStatus(hit=True, ttl=asked.policy.ttl, detail="revalidated")
            return Fetched(result=filling.unread(), status=status, age=0.0)
        self._may_compute(asked)
        if asked.directives.no_store:
            fetched = self._alone(asked, filling, fwd="miss")
            self._give(asked, _mark_of(filling, fetched.result), standing)
            return fetched
        return self._flown(asked, filling, standing)

    def _found(self, key: str, digest: str | None = None) -> tuple[Result, str | None] | None:
        """Find a result, and the name of the tier that had it where that is not the nearest."""
        word = self._board.drops
        for depth, tier in enumerate(self._tiers):
            result = tier.result(key)
            if result is not None and digest in (None, result.digest):
                for nearer in self._tiers[:depth]:
                    nearer.keep(result, lifetime=_NEAR)
                if depth:
                    self._summaries.copied(result)
                    if self._board.drops != word:  # maybe of this very result
                        self._forget_copies(result, depth)
                return result, (tier.name if depth else None)
        return None

    def _held(self, asked: Asked, key: str) -> tuple[Result | Summary, str | None] | None:
        """Find a result as ``_found`` does; where the caller needs no rows, and they are not at hand, a summary."""
        near = self._tiers[0].result(key)
        if near is not None:
            return near, None
        if asked.suffices is not None:
            summary = self._summaries.of(key)
            if summary is not None and asked.suffices(summary):
                return summary, None
        return self._found(key)

    def _forget_copies(self, result: Result, depth: int) -> None:
        for nearer in self._tiers[:depth]:
            with suppress(TierError):  # its guard has told
                nearer.drop(Purge(query=result.query))

    def _refresh_behind(self, asked: Asked, filling: Filling, standing: Standing) -> None:
        """Start computing an answer that nobody waits for; after failures, later and later."""
        if not self._refreshes.due(asked.question):
            return
        # A flight of the same key that has just failed is not started again: the stale answer stays in service.
        with suppress(UpstreamError, CapacityError):
            future, leader = self._flights.start(self._flight(asked, filling, standing))
            if leader:
                future.add_done_callback(lambda done: self._refreshed(asked.question, done))

    def _refreshed(self, question: str, done: Future[tuple[Result, bool]]) -> None:
        if not done.cancelled():
            self._refreshes.ended(question, done.exception())

    def _compared(self, asked: Asked, standing: Standing) -> tuple[Filling, Fetched | None]:
        """Say how to compute an answer that is not older than any given before, and serve it where it is kept.

        Where another host gave an answer over a later list of files, the tables are listed again.
        """
        filling = self._prepared(asked, standing.all)
        for _ in range(_COMPARISONS):
            found = self._held(asked, filling.key)
            if found is None:
                return filling, None
            newer = self._give(asked, _mark_of(filling), standing)
            if newer is None:
                return filling, self._confirmed(asked, filling, found[0])
            filling = self._prepared(asked, [newer])
        return filling, None

    def _prepared(self, asked: Asked, others: Sequence[Validation]) -> Filling:
        filling = asked.prepare()
        mark = _mark_of(filling)
        ahead = [one for one in others if one.key != mark.key and not mark.follows(one)]
        return asked.prepare(_editions(ahead)) if ahead else filling

    def _confirmed(self, asked: Asked, filling: Filling, found: Result | Summary) -> Fetched:
        """Serve the answer that is kept of the data as it is now, for another ``ttl``."""
        for tier in self._tiers:
            tier.extend(filling.key, lifetime=self._lifetime(asked.policy))
        self._summaries.extend(filling.key)
        known = _Known(mark=_mark_of(filling), result=found, fresh=True)
        return self._served(known, asked.policy, detail="revalidated")

    def _give(self, asked: Asked, mark: Validation, standing: Standing) -> Validation | None:
        """Tell everybody that an answer is about to be given; return one that may be newer."""
        return self.marks.give(asked.question, mark, standing, lifetime=self._lifetime(asked.policy))

    def _flown(self, asked: Asked, filling: Filling, standing: Standing) -> Fetched:
        """Compute an answer, or share what others compute; where it is too large for that, each caller has its own."""
        if self._is_large(filling.key):
            return self._sent(asked, filling, standing)
        outlet = RowTee() if asked.taking is not None and asked.taking.limit is None else None
        first_rows = None if outlet is None else outlet.first_rows
        flight = self._flight(asked, filling, standing, outlet)
        try:
            result, shared = self._flights.fly(flight, deadline=asked.deadline, gone=asked.gone, first_rows=first_rows)
        except ResultTooLarge:
            if asked.taking is None:
                raise
            if first_rows is None or not first_rows.done():
                return self._sent(asked, filling, standing)
            result, shared = first_rows.result(), False
        except BaseException:
            if outlet is not None:
                outlet.close()
            raise
        believed = self.marks.believed(asked.question)
        if believed is None or believed.key != result.key:
            self._give(asked, _mark_of(filling, result), standing)
        if isinstance(result, Streamed):
            return self._made(result, CacheStatus(hit=False, fwd="miss", detail="streamed"))
        if outlet is not None:
            outlet.close()
        ttl = asked.policy.ttl - self._age(result.created_at)
        return self._made(result, CacheStatus(hit=False, fwd="miss", stored=not shared, collapsed=shared, ttl=ttl))

    def _sent(self, asked: Asked, filling: Filling, standing: Standing) -> Fetched:
        """Compute rows that are too large to be kept, for this caller alone. Raises ``ResultTooLarge``."""
        if asked.taking is None:
            raise ResultTooLarge(TOO_LARGE)
        result = self._flights.alone(_sending(filling, asked.taking, head=0), deadline=asked.deadline, gone=asked.gone)
        self._give(asked, _mark_of(filling, result), standing)
        return self._made(result, CacheStatus(hit=False, fwd="miss", detail="too-large"))

    def _alone(self, asked: Asked, filling: Filling, *, fwd: str) -> Fetched:
        """Compute an answer for this caller alone, of which nothing is to be kept."""
        work: Callable[[Cancellation], Result | Streamed] = filling.run
        if asked.taking is not None and asked.taking.limit is None:
            work = _sending(filling, asked.taking, head=EARLY)
        result = self._flights.alone(work, deadline=asked.deadline, gone=asked.gone)
        detail = "streamed" if isinstance(result, Streamed) else None
        return self._made(result, CacheStatus(hit=False, fwd=fwd, detail=detail))

    def _is_large(self, key: str) -> bool:
        return self._tiers[-1].mark(_note("large", key)) is not None

    def _flight(self, asked: Asked, filling: Filling, standing: Standing, outlet: RowTee | None = None) -> Flight:
        farthest = self._tiers[-1]

        def work(cancellation: Cancellation) -> Result:
            try:
                result = filling.run(cancellation, outlet)
            except ResultTooLarge as error:
                if error.retry_after is None:
                    mark = Validation(key=filling.key, checked_at=self._clock())
                    farthest.remember(_note("large", filling.key), mark, lifetime=_LARGE)
                raise
            kept = [tier.keep(result, lifetime=self._lifetime(asked.policy)) for tier in self._tiers]
            self._summaries.keep(result)
            mark = _mark_of(filling, result)
            self._give(asked, mark, standing)
            if not kept[-1]:
                farthest.remember(_note("unkept", filling.key), mark, lifetime=_UNKEPT)
            return result

        return Flight(
            key=filling.key,
            work=work,
            lookup=lambda: self.stored(filling.key),
            unshared=lambda: farthest.mark(_note("unkept", filling.key)) is not None,
        )

    def _believed(self, asked: Asked) -> _Known | None:
        """Find the answer of a question that this process relies on without asking farther tiers."""
        mark = self.marks.believed(asked.question)
        found = None if mark is None else self._held(asked, mark.key)
        return None if mark is None or found is None else _Known(mark=mark, result=found[0], tier=found[1], fresh=True)

    def _known(self, asked: Asked, standing: Standing) -> _Known | None:
        """Find the newest answer of a question."""
        mark = standing.newest
        found = None if mark is None else self._held(asked, mark.key)
        if mark is None or found is None:
            return None
        fresh = standing.sure and all(
            name in mark.seen and mark.seen[name].covers(edition) for name, edition in asked.announced().items()
        )
        return _Known(mark=mark, result=found[0], tier=found[1], fresh=fresh)

    def _served(self, known: _Known, policy: CachePolicy, detail: str | None = None) -> Fetched:
        status = CacheStatus(hit=True, ttl=self._left(known.mark, policy), detail=detail)
        return Fetched(result=known.result, status=status, age=self._age(known.mark.checked_at))

    def _stale(self, known: _Known, policy: CachePolicy, detail: str, fwd: str | None = None) -> Fetched:
        status = CacheStatus(hit=fwd is None, fwd=fwd, ttl=self._left(known.mark, policy), detail=detail)
        return Fetched(result=known.result, status=status, age=self._age(known.mark.checked_at))

    def _made(self, result: Result | Streamed, status: CacheStatus) -> Fetched:
        return Fetched(result=result, status=status, age=self._age(result.created_at))

    def _age(self, instant: float) -> float:
        return max(0.0, self._clock() - instant)

    def _left(self, mark: Validation, policy: CachePolicy) -> float:
        """Seconds of freshness that are left; negative where the answer is stale.

        None are left where the mark is from the future: the clock went back since, nobody knows how far.
        """
        return min(mark.checked_at + policy.ttl - self._clock(), policy.ttl) if self._credible(mark) else 0.0

    def _credible(self, mark: Validation) -> bool:
        return mark.checked_at <= self._clock() + _SKEW

    def _suits(self, known: _Known, directives: Directives) -> bool:
        """Tell whether a caller takes an answer without asking whether its data changed."""
        young = self._credible(known.mark) and self._age(known.mark.checked_at) <= (directives.max_age or 0.0)
        return (directives.max_age is None or young) and not directives.no_cache

    def _may_be_fresh(self, known: _Known, asked: Asked) -> bool:
        fresh = known.fresh and self._left(known.mark, asked.policy) > 0
        return fresh and self._suits(known, asked.directives)

    def _may_be_stale(self, known: _Known, asked: Asked, allowed: float) -> bool:
        late = -self._left(known.mark, asked.policy)
        return late < min(allowed, self._ceiling) and self._suits(known, asked.directives)

    def _may_compute(self, asked: Asked) -> None:
        if asked.quick:
            raise NotCached("No answer to this question is kept that may be served without computing it.")

    def _follow_drops(self) -> None:
        """Drop from the memory of this process what was dropped by others."""
        if self._drops is not None:
            for which in self._drops.unseen():
                self._tiers[0].drop(which)
                self._summaries.drop_near(which)

    def _lifetime(self, policy: CachePolicy) -> float:
        stale = min(max(policy.stale_while_revalidate, policy.stale_if_error), self._ceiling)
        return max(policy.ttl + stale, _CURSORS)


def _mark_of(filling: Filling, result: Result | Streamed | Summary | None = None) -> Validation:
    """Return the mark of an answer that is confirmed, or of a result, which may be of files that changed since."""
    if result is None:
        return Validation(key=filling.key, checked_at=filling.pinned_at, seen=filling.seen)
    seen = {one.table: one.edition for one in result.readings if one.edition is not None}
    return Validation(key=result.key, checked_at=result.created_at, seen=seen or filling.seen)


def _editions(marks: Sequence[Validation]) -> Mapping[str, Sequence[Edition]]:
    """Return what was seen of each table by any of some marks."""
    names = {name for mark in marks for name in mark.seen}
    return {name: [mark.seen[name] for mark in marks if name in mark.seen] for name in names}


def _sending(filling: Filling, taking: Taking, *, head: int) -> Callable[[Cancellation], Result | Streamed]:
    return lambda cancellation: filling.send(cancellation, head=head, limit=taking.limit)


def _note(what: str, key: str) -> str:
    """Name the note that says something of the result of *key*: that it was too large to keep, or to be gathered."""
    return blake2b(f"{what} {key}".encode(), digest_size=20).hexdigest()
