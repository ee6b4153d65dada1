"""Which rows of a result one response holds."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from gateway.encode.rows import Rows
from gateway.model import Answer, CacheStatus, Export, Result
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


def first_page(answer: Answer | Export, question: Question, limit: int | None) -> Page:
    """Cut the page of at most *limit* rows from the start; None is all."""
    if isinstance(answer, Answer):
        return _cut(answer, _digest(question, answer.query.version), 0, limit)
    content = Rows(schema=answer.result.schema, batches=counted(answer.result.batches))
    if limit is None:
        return Page.all(None, content)
    # Nothing is kept, so there is no page after it.
    return Page(offset=0, rows=limit, total=None, more=answer.result.more, next=None, content=content)


def next_page(question: Question, options: QueryString) -> tuple[Answer, Page]:
    """Slice the stored result that the cursor names; nothing is run. Raises ``CursorExpired``."""
    cursor = Cursor.decode(options.options["_cursor"], site().secret)
    query = gateway().registry.bind(question)
    same_question(cursor, _digest(question, query.version))
    kept = _continued(cursor)
    age = max(0.0, site().clock() - kept.created_at)
    status = CacheStatus(hit=True, ttl=query.cache.ttl - age, detail="cursor")
    answer = Answer(query=query, result=kept, status=status, age=age, timings={})
    limit = options.limit()
    return answer, _cut(answer, cursor.question, cursor.offset, cursor.limit if limit is None else limit)


def _named(result: Result) -> str:
    """Name a result for the cursor of its pages: a page continues rows of one digest."""
    return f"{result.key}-{result.digest}"


def _continued(cursor: Cursor) -> Result:
    """Return the result that a cursor continues. Raises ``CursorExpired``."""
    key, _, digest = cursor.key.partition("-")
    return gateway().stored(key, digest)


def _digest(question: Question, version: int) -> str:
    # A page is of a result, and whose result it is is part of its question.
    scope = principal_of(request).scope
    return question_digest(question.query, version, question.textual, sorted(question.parameters.items()), scope)


def _cut(answer: Answer, question: str, offset: int, limit: int | None) -> Page:
    table = answer.result.table
    if limit is None:
        return Page.all(table.num_rows, Rows.of(table))
    rows = max(min(limit, table.num_rows - offset), 0)
    end = offset + rows
    more = end < table.num_rows
    following = Cursor(key=_named(answer.result), question=question, offset=end, limit=max(limit, 1)) if more else None
    content = Rows.of(table.slice(offset, rows))
    return Page(offset=offset, rows=rows, total=table.num_rows, more=more, next=following, content=content)
