"""Results that are split by their rows: computed once, and kept as answers are, or in the spool where too large."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from gateway.answer import Answer, CacheStatus, Export, Outcome
from gateway.cache.spool import Spool, Spooled
from gateway.errors import TOO_LARGE, ClientGone, DeadlineExceeded, ResultTooLarge
from gateway.execution.single_flight import Gone
from gateway.execution.work import StreamOptions, Work
from gateway.model import Column
from gateway.pipeline import Gateway

_IN_SPOOL = CacheStatus(outcome=Outcome.HIT, tier=Spool.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What is known of a result without its rows."""

    rows: int
    digest: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputedOnce:
    """Finds the results of a *gateway* that are split by their rows, or has them computed."""

    gateway: Gateway

    def described(self, work: Work, *, deadline: float | None) -> Described:
        """Describe the result of *work*, which is kept for those who read its splits. Raises what ``answer`` does."""
        found = self.answer(work, deadline=deadline)
        if isinstance(found, Answer):
            result = found.result
            return Described(rows=result.rows, digest=result.digest, columns=result.columns)
        with closing(found):
            return Described(rows=found.rows, digest=found.digest, columns=found.about.columns)

    def found(self, work: Work, digest: str) -> Spooled | None:
        """Open the result of a digest in the spool; None: it is not there."""
        spool = self.gateway.spool
        return None if spool is None else spool.find(work.key, digest)

    def answer(self, work: Work, *, deadline: float | None, gone: Gone | None = None) -> Answer | Spooled:
        """Answer the question of *work* with a result that can be read again: a kept one, or one of the spool, opened.

        Whoever else asks for it waits for the one who computes it. Raises ``ResultTooLarge`` where it is too large for
        both, and what answering raises.
        """
        gateway, spool, query = self.gateway, self.gateway.spool, work.plan.query
        latest = gateway.monotonic() + gateway.runner.allowed(query) if deadline is None else deadline
        if spool is None:
            return self._kept(work, deadline, gone)
        if (found := self._spooled(spool, work)) is not None:
            return found
        with spool.draft(work.key, pause=_waiting(gateway.monotonic, latest, gone)) as draft:
            if (found := self._spooled(spool, work)) is not None:
                return found
            answer = gateway.answer(
                query, principal=work.principal, deadline=deadline, gone=gone, stream=StreamOptions()
            )
            if isinstance(answer, Answer):
                return answer
            assert isinstance(answer, Export)  # nothing less than the rows is enough
            with closing(answer.result):
                return draft.fill(answer.result, query=query.name, version=query.version)

    def read(self, spooled: Spooled, work: Work, start: int, stop: int) -> Export:
        """Return rows of a result in the spool; closing them closes it."""
        age = max(0.0, self.gateway.clock() - spooled.about.created_at)
        rows, timings = spooled.streamed(start, stop), dict(work.timings.seconds)
        return Export(query=work.plan.query, result=rows, status=_IN_SPOOL, age=age, timings=timings)

    def _spooled(self, spool: Spool, work: Work) -> Spooled | None:
        """Find what was computed before, unless the query wants each answer computed."""
        return spool.find(work.key) if work.plan.query.cache.enabled else None

    def _kept(self, work: Work, deadline: float | None, gone: Gone | None) -> Answer:
        """Answer with a result that is kept as answers are, where there is no spool."""
        try:
            return self.gateway.answer(work.plan.query, principal=work.principal, deadline=deadline, gone=gone)
        except ResultTooLarge as error:
            if error.detail != TOO_LARGE:
                raise
            said = "The query does not keep the rows of a table, so its result is split once it is kept, and it is too"
            hint = "narrow the question, aggregate it, or have the operator give such results room ([splits] spool)"
            raise ResultTooLarge(f"{said} large for that: {hint}.") from error


def _waiting(monotonic: Callable[[], float], latest: float, gone: Gone | None) -> Callable[[float], None]:
    """Return what waits some seconds for another who computes the same. It raises at the deadline or a disconnect."""

    def pause(seconds: float) -> None:
        if gone is not None and gone.is_set():
            raise ClientGone("The client has left before it was answered.")
        if monotonic() + seconds > latest:
            said = "The answer was not ready in time; it is still being computed."
            raise DeadlineExceeded(said, retry_after=1.0)
        time.sleep(seconds)

    return pause
