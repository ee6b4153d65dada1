"""The slow-query log: the plan of a query that took long, recorded when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from gateway.concurrency.origin import on_behalf_of
from gateway.engine.base import Engine
from gateway.errors import GatewayError
from gateway.model import Plan
from gateway.plan.explain import Explanation
from gateway.telemetry.events import Observer, QuerySlow


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowLog:
    """Reports queries that took *after* seconds or longer; with *engine_plan*, with the plan of the engine too."""

    after: float
    observe: Observer
    engine_plan: bool = False
    clock: Callable[[], float] = time.time

    def report(
        self, plan: Plan, engine: Engine, *, key: str, waited: float, seconds: float, code: str | None = None
    ) -> None:
        """Report a query that ended after *seconds* in the engine, if that is long. Raises nothing."""
        if seconds < self.after:
            return
        query = plan.query
        statement = plan.statement(engine.address)
        explained = Explanation(
            plan=plan, statement=statement, address=engine.address, key=key, cached=False, now=self.clock()
        )
        physical = None
        if self.engine_plan:
            with on_behalf_of(query.origin), suppress(GatewayError):  # the query may have failed for the same reason
                physical = engine.explain(statement).splitlines()
        self.observe(
            QuerySlow(
                query=query.name,
                version=query.version,
                key=key,
                waited=waited,
                seconds=seconds,
                plan=explained.as_text().splitlines(),
                engine_plan=physical,
                code=code,
            )
        )
