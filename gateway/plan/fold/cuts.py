"""Changes of an author's text, by position."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.plan.fold.tokens import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What stands in place of a part of the text in the finish, and in the query over all rows (None: the same)."""

    span: Span
    finish: str | None
    whole: str | None


def finished(text: str, within: Span, cuts: Iterable[Cut]) -> str:
    """Return a part of *text* as it is in the finish."""
    return _changed(text, within, ((cut.span, cut.finish) for cut in cuts))


def over_rows(text: str, within: Span, cuts: Iterable[Cut]) -> str:
    """Return a part of *text* as it is in the query over all rows."""
    return _changed(text, within, ((cut.span, cut.whole) for cut in cuts))


def _changed(text: str, within: Span, changes: Iterable[tuple[Span, str | None]]) -> str:
    made, at = [], within.start
    for span, sql in sorted(changes, key=lambda change: (change[0].start, change[0].end)):
        if sql is not None and within.start <= span.start and span.end <= within.end:
            made += [text[at : span.start], sql]
            at = span.end
    return "".join([*made, text[at : within.end]])
