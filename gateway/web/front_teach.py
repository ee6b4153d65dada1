"""What a route tells of the answer it gives, so that the same request need not come to it again."""

from __future__ import annotations

import math
from collections.abc import Callable

from flask import request

from gateway.model import Answer, Unread
from gateway.model import Request as Question
from gateway.web.context import LEARN, gateway, principal_of, record
from gateway.web.front_known import Found
from gateway.web.headers import midnight
from gateway.web.parsing import QueryString


def teach(question: Question, answer: Answer | Unread, options: QueryString, form: str | None) -> None:
    """Tell who listens how *answer* is found again; *form* names its body, None where the response has none.

    Nothing is told of an answer that is not found by its question: of a page by its cursor, of rows that stand in for
    an answer, of what is not kept.
    """
    learn: Callable[[Found], None] | None = request.environ.get(LEARN)
    query, result = answer.query, answer.result
    if learn is None or not query.cache.enabled or answer.status.default or "_cursor" in options.options:
        return
    principal = principal_of(request)
    located = gateway().locate(query, question, principal)
    learn(
        Found(
            question=located.question,
            form=form,
            readings=result.readings,
            policy=query.cache,
            until=min(located.until, _settled_until(query.name)),
            scope=principal.scope,
            note=located.note,
            record=record(),
        )
    )


def _settled_until(query: str) -> float:
    """Return when a version is deprecated or retired: from then on ``latest`` may be another, or none may answer."""
    day = midnight(gateway().registry.next_lifecycle_date(query))
    return math.inf if day is None else day.timestamp()
