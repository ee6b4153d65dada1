"""The page after a page."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from query_gateway_client.answer import About
from query_gateway_client.errors import QuestionInvalid
from query_gateway_client.question import Question

_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="next"')


def page(size: int) -> int:
    """Check the number of rows of a page."""
    if size < 1:
        raise QuestionInvalid(f"size={size}: a page has one row at least")
    return size


def following(asked: Question, about: About) -> Question | None:
    """Return the question for the page after the one that *about* is of; None after the last one.

    Of the address that the gateway names only the cursor is taken: the key goes to no other server than before.
    """
    found = _NEXT.search(about.headers.get("link", ""))
    if found is None:
        if about.more:
            raise QuestionInvalid("the result is too large to be kept, so it has no second page: use stream()")
        return None
    [cursor] = parse_qs(urlsplit(found[1]).query)["_cursor"]
    version = asked.version if about.version is None else f"v{about.version}"
    return replace(asked, version=version, options={"_cursor": cursor})
