"""Decides whether a response may be given again to the same request, and where its answer is found then."""

from __future__ import annotations

import math

from flask import request

from gateway.answer import Answer, Export, Unread
from gateway.catalog.snapshot_ids import OPTION
from gateway.model import Request as Question
from gateway.web.context import gateway, principal_of
from gateway.web.headers import midnight
from gateway.web.parsing import QueryString
from gateway.web.request_key import KEY
from gateway.web.responses import Reuse


def reuse_of(
    question: Question, answer: Answer | Export | Unread, options: QueryString, *, settled_until: float
) -> Reuse | None:
    """Return where *answer* is found again; None where nobody keeps the response, or it must not be given again.

    Not given again are rows sent while they are computed, rows that stand in for an answer, pages by cursor, and
    answers that are not cached. *settled_until* is the ``next_lifecycle_instant`` from before the question was bound.
    """
    query = answer.query
    reusable = query.cache.enabled and not answer.status.default and "_cursor" not in options.options
    reusable &= options.options.get(OPTION) == question.snapshot  # what a date names may be another one later
    if isinstance(answer, Export) or not reusable or KEY not in request.environ:
        return None
    principal = principal_of(request)
    located = gateway().locate(query, question, principal)
    return Reuse(
        question=located.question,
        readings=answer.result.readings,
        policy=query.cache,
        until=min(located.until, settled_until),
        scope=principal.scope,
        note=located.note,
    )


def next_lifecycle_instant(query: str) -> float:
    """Return when a version is deprecated or retired: from then on ``latest`` may be another, or none may answer."""
    day = midnight(gateway().registry.next_lifecycle_date(query))
    return math.inf if day is None else day.timestamp()
