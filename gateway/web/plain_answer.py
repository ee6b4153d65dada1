"""The answer of a query as a table of texts: for pages in browsers that run no scripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import request

from gateway.answer import Answer, Export, Unread
from gateway.counted import counted
from gateway.encode import FORMATS, encode
from gateway.execution.work import StreamOptions
from gateway.model import Column
from gateway.model import Request as Question
from gateway.plan.explain import readable
from gateway.web.context import gateway, principal_of, site
from gateway.web.paging import Page, first_page, next_page
from gateway.web.parsing import QueryString
from gateway.web.results import note, note_question, outliving
from gateway.web.sending import closed_on_error
from gateway.web.timeouts import read_gone

ROWS = 100
"""Rows of a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainAnswer:
    """Some rows of an answer. ``total`` is None where it is not known; ``following`` is the query string of the rows
    after these."""

    columns: tuple[Column, ...]
    rows: list[list[Any]]
    first: int
    total: int | None
    following: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainEstimate:
    """What a question would read: in words, whether that is little, and the partitioned tables that it reads all of."""

    words: str
    cheap: bool
    everything: tuple[str, ...] = ()


def plain_estimate(question: Question) -> PlainEstimate:
    """Tell what running a question would take, as the scripts of its page do.

    Raises what an explanation raises.
    """
    note_question(question)
    found = gateway().explain(question, principal=principal_of(request)).as_dict(drawn=True)
    if found["cached"]:
        return PlainEstimate(words="The answer is kept: nothing has to be read.", cheap=True)
    scans, estimate = found["scans"], found["estimate"]
    read, total, kept = (sum(scan[name] for scan in scans) for name in ("partitions", "total_partitions", "kept"))
    words = f"Reads {readable(estimate['bytes'])}, {read:,} of {counted(total, 'partition')}"
    beside = f"; {kept:,} of them {'is' if kept == 1 else 'are'} kept as partials" if kept else ""
    return PlainEstimate(
        words=f"{words}{beside}; {_about(estimate['seconds'])}.",
        cheap=estimate["bytes"] <= site().cheap,
        everything=tuple(scan["table"] for scan in scans if 1 < scan["total_partitions"] == scan["partitions"]),
    )


def _about(seconds: float) -> str:
    """Write a time as people say it.

    >>> _about(0.2), _about(4.4), _about(89.9), _about(61 * 60)
    ('less than a second', 'about 4 s', 'about 90 s', 'about 61 minutes')
    """
    if seconds < 1:
        return "less than a second"
    return f"about {seconds:.0f} s" if seconds < 90 else f"about {seconds / 60:.0f} minutes"


def plain_answer(question: Question, options: QueryString) -> PlainAnswer:
    """Answer a question that was put by the form of a page. Raises what a result raises."""
    note_question(question)
    return outliving(lambda: _answered(question, options))


def _answered(question: Question, options: QueryString) -> PlainAnswer:
    answer, page = _rows_of(question, options)
    with closed_on_error(answer):
        columns = answer.result.columns
        body = b"".join(bytes(chunk) for chunk in encode(FORMATS["json"], page.content, columns, shape="cells"))
        note(answer, page, FORMATS["json"])
        rows = [[_plain(value) for value in row] for row in orjson.loads(body)["data"]]
        return PlainAnswer(
            columns=columns, rows=rows, first=page.offset + 1, total=page.total, following=_following(page, options)
        )


def _plain(value: Any) -> Any:
    """Write a nested value or a truth as the scripts of the page do: as JSON, its members in their order.

    >>> _plain({"z": 0, "a": "<é>"}), _plain(True), _plain(1.5), _plain(None)
    ('{"z":0,"a":"<é>"}', 'true', 1.5, None)
    """
    return orjson.dumps(value).decode() if isinstance(value, dict | list | bool) else value


def _rows_of(question: Question, options: QueryString) -> tuple[Answer | Export, Page]:
    if "_cursor" in options.options:
        kept, rest = next_page(question, options, None)
        assert not isinstance(kept, Unread)  # it is for those who can do without the rows
        return kept, rest
    gone, stream = read_gone(request.environ), StreamOptions(limit=ROWS, has=lambda _: False, waits=False)
    answer = gateway().answer(question, principal=principal_of(request), deadline=None, gone=gone, stream=stream)
    assert not isinstance(answer, Unread)  # likewise
    return answer, first_page(answer, ROWS)


def _following(page: Page, options: QueryString) -> str | None:
    """Write the query string of the page after, if there is one."""
    if page.next is None:
        return None
    pairs = [(name, value) for name, values in options.parameters.items() for value in values]
    return urlencode([*pairs, ("_cursor", page.next.encode(site().secret()))])
