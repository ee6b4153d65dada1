"""Paging: the rows of a result that one response holds, and the cursor of the next page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import request

from gateway.answer import Answer, CacheStatus, Export, Outcome, Unread
from gateway.encode.rows import Rows
from gateway.model import BoundQuery, Result, Summary
from gateway.model import Request as Question
from gateway.web.context import gateway, principal_of, site
from gateway.web.cursor import Cursor, question_digest, same_question
from gateway.web.parsing import QueryString
from gateway.web.sending import counted

_NOTHING = Rows.nothing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The rows of a result that one response holds, and the cursor of those after them.

    ``rows`` is None where they are all, ``total`` where it is not known how many the result has.
    """

    offset: int
    rows: int | None
    total: int | None
    more: bool
    """Whether rows follow after this page."""
    next: Cursor | None
    content: Rows

    @classmethod
    def all(cls, total: int | None, content: Rows = _NOTHING) -> Page:
        """Return the page of every row."""
        return cls(offset=0, rows=None, total=total, more=False, next=None, content=content)


Enough = Callable[[BoundQuery, Summary, Page], bool]
"""Tells whether the client can do without the rows of a page, e.g. names it as one that it has."""


def first_page(answer: Answer | Export | Unread, question: Question, limit: int | None) -> Page:
    """Cut the page of at most *limit* rows from the start; None is all."""
    if not isinstance(answer, Export):
        return first_of(answer.result, answer.query, question, limit)
    content = Rows(schema=answer.result.schema, batches=counted(answer.result.batches))
    if limit is None:
        return Page.all(None, content)
    # Nothing is kept, so there is no page after it.
    return Page(offset=0, rows=limit, total=None, more=answer.result.more, next=None, content=content)


def first_of(result: Result | Summary, query: BoundQuery, question: Question, limit: int | None) -> Page:
    """Cut the page of at most *limit* rows from the start of a result; None is all."""
    return _cut(result, _digest(question, query), 0, limit)


def next_page(question: Question, options: QueryString, enough: Enough | None) -> tuple[Answer | Unread, Page]:
    """Slice the stored result that the cursor names; nothing is run. Raises ``CursorExpired``.

    Where the client can do without the rows, which *enough* tells, they may be gone.
    """
    cursor = Cursor.decode(options.options["_cursor"], site().secret())
    query = gateway().registry.bind(question)
    same_question(cursor, _digest(question, query))
    limit = options.limit()
    place = (cursor.question, cursor.offset, cursor.limit if limit is None else limit)
    key, _, digest = cursor.key.partition("-")  # as ``_named`` has it
    summary = None if enough is None else gateway().cache.summary(key)
    if enough is not None and summary is not None and summary.digest == digest:
        page = _cut(summary, *place)
        if enough(query, summary, page):
            rest = _continued(query, summary.created_at)
            return Unread(query=query, result=summary, **rest), page
    kept = gateway().stored(key, digest)
    return Answer(query=query, result=kept, **_continued(query, kept.created_at)), _cut(kept, *place)


def _continued(query: BoundQuery, created_at: float) -> dict[str, Any]:
    """Say how a page of a result came about that was made at an instant."""
    age = max(0.0, site().clock() - created_at)
    status = CacheStatus(outcome=Outcome.CURSOR, ttl=query.cache.ttl - age)
    return {"status": status, "age": age, "timings": {}}


def _named(result: Result | Summary) -> str:
    """Name a result for the cursor of its pages: a page continues rows of one digest."""
    return f"{result.key}-{result.digest}"


def _digest(question: Question, query: BoundQuery) -> str:
    """Digest what a cursor belongs to: the question as it was put, who put it, and the tables that answer it."""
    scope, tables = principal_of(request).scope, gateway().catalog.identities(query.tables)
    put = (question.query, query.version, question.textual, sorted(question.parameters.items()))
    return question_digest(*put, scope, tables)


def _cut(result: Result | Summary, question: str, offset: int, limit: int | None) -> Page:
    rows = result.rows - offset if limit is None else max(min(limit, result.rows - offset), 0)
    content = _NOTHING if isinstance(result, Summary) else Rows.of(result.table.slice(offset, rows))
    if limit is None:
        return Page.all(result.rows, content)
    end = offset + rows
    more = end < result.rows
    following = Cursor(key=_named(result), question=question, offset=end, limit=max(limit, 1)) if more else None
    return Page(offset=offset, rows=rows, total=result.rows, more=more, next=following, content=content)
