"""Content negotiation by ``Accept`` (RFC 9110, section 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.request import parse_http_list

from werkzeug.http import parse_options_header

HTML, JSON = "text/html", "application/json"
_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?", re.ASCII)
_RANGE = re.compile(r"[^\s/;,]+/[^\s/;,]+")


class _Range(NamedTuple):
    """A media range of a client: its type, such as ``text/*``, its parameters, its weight."""

    kind: str
    parameters: Mapping[str, str]
    weight: float

    def match(self, kind: str, parameters: Mapping[str, str]) -> int | None:
        """Return how specifically it names a media type; None where it does not.

        A parameter that the type is labelled with must be equal; any other means nothing to it.
        """
        shared = self.parameters.keys() & parameters.keys()
        if any(_plain(self.parameters[name]) != _plain(parameters[name]) for name in shared):
            return None
        if self.kind == kind:
            return 2 + len(shared)
        if self.kind == f"{kind.partition('/')[0]}/*":
            return 1
        return 0 if self.kind == "*/*" else None


def choose(accept: str, offered: Mapping[str, str]) -> str | None:
    """Return the name of the media type that a client likes best, None where it takes none of those *offered*.

    Of each type the most specific range that names it tells its weight. Among equal weights the type wins that is named
    more specifically, then the one that is offered first. What cannot be read of *accept* counts for nothing.

    >>> types = {"json": "application/json", "csv": "text/csv; charset=utf-8"}
    >>> choose("application/json; charset=utf-8;q=0.5, text/*", types), choose("*/*, application/json;q=0", types)
    ('csv', 'csv')
    """
    ranges, best, chosen = list(_read(accept)), (0.0, 0), None
    for name, label in offered.items():
        kind, parameters = parse_options_header(label)
        named = [(place, one.weight) for one in ranges if (place := one.match(kind, parameters)) is not None]
        place, weight = max(named, default=(0, 0.0))
        if weight > 0 and (weight, place) > best:
            best, chosen = (weight, place), name
    return chosen


def prefers_page(accept: str) -> bool:
    """Return whether a client names HTML and likes it no less than JSON, as browsers do; ``*/*`` alone names nothing.

    >>> prefers_page("text/html,*/*;q=0.8"), prefers_page("*/*"), prefers_page("application/json,text/html;q=0.5")
    (True, False, False)
    """
    return any(each.kind == HTML for each in _read(accept)) and choose(accept, {HTML: HTML, JSON: JSON}) == HTML


def _read(accept: str) -> Iterable[_Range]:
    for text in parse_http_list(accept):
        kind, parameters = parse_options_header(text)
        weight = parameters.pop("q", "1")
        if _RANGE.fullmatch(kind) and _WEIGHT.fullmatch(weight):
            yield _Range(kind.lower(), parameters, float(weight))


def _plain(value: str) -> str:
    """Return the value of a parameter as it is compared; UTF-8 has two spellings."""
    return value.lower().replace("utf8", "utf-8")
