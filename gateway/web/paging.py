"""Paging: the rows of a result that one response holds, and the cursor of the next page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import request

from gateway.answer import Answer, CacheStatus, Export, Outcome, Unread
from gateway.canonical import canonical_bytes
from gateway.encode.rows import Rows
from gateway.model import BoundQuery, Result, Summary
from gateway.model import Request as Question
from gateway.web.bound_parameters import echoed, texts
from gateway.web.context import gateway, principal_of, site
from gateway.web.cursor import Cursor, question_digest, same_question
from gateway.web.parsing import QueryString
from gateway.web.sending import counted

Relative = Mapping[str, tuple[str, Any]]
"""What a cursor has of relative times, see ``Cursor``."""
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


def first_page(answer: Answer | Export | Unread, limit: int | None) -> Page:
    """Cut the page of at most *limit* rows from the start; None is all."""
    if not isinstance(answer, Export):
        return first_of(answer.result, answer.query, limit)
    content = Rows(schema=answer.result.schema, batches=counted(answer.result.batches))
    if limit is None:
        return Page.all(None, content)
    # Nothing is kept, so there is no page after it.
    return Page(offset=0, rows=limit, total=None, more=answer.result.more, next=None, content=content)


def first_of(result: Result | Summary, query: BoundQuery, limit: int | None) -> Page:
    """Cut the page of at most *limit* rows from the start of a result; None is all."""
    if limit is None:
        return Page.all(result.rows, _rows(result, 0, result.rows))
    return _cut(result, query, 0, limit, limit or None, _relative(query))


def next_page(question: Question, options: QueryString, enough: Enough | None) -> tuple[Answer | Unread, Page]:
    """Slice the stored result that the cursor names; nothing is run. Raises ``CursorExpired``.

    Where the client can do without the rows, which *enough* tells, they may be gone.
    """
    cursor = Cursor.decode(options.options["_cursor"], site().secret())
    query = _bound(question, cursor)
    if cursor.question != _digest(query):
        same_question(cursor, _digest_of_spelling(question, query))
    place = (query, cursor.offset, *_sizes(options.limit(), cursor.limit or None), cursor.relative)
    key, _, content = cursor.key.partition("-")  # as ``_named`` has it
    summary = None if enough is None else gateway().cache.summary(key)
    if enough is not None and summary is not None and summary.digest == content:
        page = _cut(summary, *place)
        if enough(query, summary, page):
            rest = _continued(query, summary.created_at)
            return Unread(query=query, result=summary, **rest), page
    kept = gateway().stored(key, content)
    return Answer(query=query, result=kept, **_continued(query, kept.created_at)), _cut(kept, *place)


def _bound(question: Question, cursor: Cursor) -> BoundQuery:
    """Bind a question; its relative times mean what they meant when *cursor* was given for them."""
    registry, now = gateway().registry, site().clock()
    query = registry.bind(question, now=now)
    meant = {
        name: texts(cursor.relative[name][1]) if question.textual else cursor.relative[name][1]
        for name, times in query.relative.items()
        if name in cursor.relative and cursor.relative[name][0] == question_digest(times.written)
    }
    return registry.bind(replace(question, parameters={**question.parameters, **meant}), now=now) if meant else query


def _relative(query: BoundQuery) -> Relative:
    """Return what the relative times of a question mean, for the cursor of its pages."""
    if not query.relative:
        return {}
    values = echoed(query.parameters)
    return {name: (question_digest(times.written), values[name]) for name, times in query.relative.items()}


def _continued(query: BoundQuery, created_at: float) -> dict[str, Any]:
    """Say how a page of a result came about that was made at an instant."""
    age = max(0.0, site().clock() - created_at)
    status = CacheStatus(outcome=Outcome.CURSOR, ttl=query.cache.ttl - age)
    return {"status": status, "age": age, "timings": {}}


def _named(result: Result | Summary) -> str:
    """Name a result for the cursor of its pages: a page continues rows of one digest."""
    return f"{result.key}-{result.digest}"


def _sizes(asked: int | None, before: int | None) -> tuple[int | None, int | None]:
    """Return the rows of this page, and of those after it; None is all.

    *before* is the size of the pages so far. A page of no rows (``_limit=0``) leaves it.
    """
    return (before, before) if asked is None else (asked, asked or before)


def _digest(query: BoundQuery) -> str:
    """Digest what a cursor belongs to: the question as it is bound, who put it, and the tables that answer it."""
    bound = [(name, canonical_bytes(value).hex()) for name, value in sorted(query.parameters.items())]
    return question_digest("bound", query.name, query.version, bound, *_asker(query))


def _digest_of_spelling(question: Question, query: BoundQuery) -> str:
    """Digest a question as it was put, as releases did whose cursors knew its spelling."""
    put = (question.query, query.version, question.textual, sorted(question.parameters.items()))
    return question_digest(*put, *_asker(query))


def _asker(query: BoundQuery) -> tuple[str, list[str]]:
    return principal_of(request).scope, gateway().catalog.identities(query.tables)


def _cut(
    result: Result | Summary,
    query: BoundQuery,
    offset: int,
    limit: int | None,
    following: int | None,
    relative: Relative,
) -> Page:
    """Cut the page of at most *limit* rows at *offset*; the page after it has *following* rows. None is all."""
    left = max(result.rows - offset, 0)
    rows = left if limit is None else min(limit, left)
    end = offset + rows
    more = end < result.rows
    place = {"offset": end, "limit": following or 0}
    after = Cursor(key=_named(result), question=_digest(query), relative=relative, **place) if more else None
    content = _rows(result, offset, rows)
    return Page(offset=offset, rows=rows, total=result.rows, more=more, next=after, content=content)


def _rows(result: Result | Summary, offset: int, rows: int) -> Rows:
    return _NOTHING if isinstance(result, Summary) else Rows.of(result.table.slice(offset, rows))
