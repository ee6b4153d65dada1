"""Preconditions and ranges of a request for a result, in the order of RFC 9110, section 13.2.2.

``If-Match`` is looked at first, then ``If-None-Match``, then ``Range`` with ``If-Range``. A result has no modification
date, so the conditions on one are ignored, and ``If-Range`` with a date never holds.
"""

from __future__ import annotations

from collections.abc import Iterator

from flask import request

from gateway.encode import Format
from gateway.errors import PreconditionFailed
from gateway.web.content_coding import CODINGS, COMPRESSED, IDENTITY, choose_coding, is_accepted
from gateway.web.ranges import is_one_range

Tag = tuple[str, str]
"""A validator as it is compared, and as it is written: in quotes, after ``W/`` where it is weak."""


def check_match(tag: Tag | None) -> None:
    """Raise ``PreconditionFailed`` unless ``If-Match`` names *tag*, which must be strong, or anything; or is absent."""
    if not _matches(tag):
        raise PreconditionFailed("The result is not the one that If-Match names: ask without it for the one there is.")


def holds(opaque: str) -> bool:
    """Tell whether ``If-None-Match`` names a tag, so that the client has what it asks for."""
    return request.if_none_match.contains_weak(opaque)


def is_decided_by(opaque: str) -> bool:
    """Tell whether the strong tag of the result alone decides on the answer: it is not wanted, or is there already."""
    return not _matches((opaque, f'"{opaque}"')) or holds(opaque)


def asks_for_range() -> bool:
    """Tell whether the request is for one range of a body."""
    return request.method == "GET" and is_one_range(request.headers.get("Range"))


def range_of(tag: Tag | None) -> str | None:
    """Return the ``Range`` field where it applies to the representation of *tag*: a strong one, which ``If-Range``
    names or is absent.
    """
    if not asks_for_range() or tag is None or tag[1].startswith("W/"):
        return None
    condition = request.headers.get("If-Range")
    return request.headers["Range"] if condition is None or condition.strip() == tag[1] else None


def chosen_coding(chosen: Format) -> str:
    """Choose how the body is compressed; a part of it is not, unless the client knows of what it is a part.

    Most clients count the bytes of what they have decompressed, and ask for what follows those.
    """
    accept = request.accept_encodings
    if asks_for_range() and "If-Range" not in request.headers and is_accepted(accept, IDENTITY):
        return IDENTITY
    return choose_coding(accept, chosen)


def other_codings(chosen: Format, coding: str) -> Iterator[str]:
    """Yield the codings besides *coding* in which a client may have begun what it asks for the rest of."""
    if not asks_for_range() or "If-Range" not in request.headers or chosen.name in COMPRESSED:
        return
    for other in (*CODINGS, IDENTITY):
        if other != coding and is_accepted(request.accept_encodings, other):
            yield other


def _matches(tag: Tag | None) -> bool:
    if "If-Match" not in request.headers:
        return True
    named = request.if_match
    return named.star_tag or (tag is not None and not tag[1].startswith("W/") and named.contains(tag[0]))
