"""What follows the head of a response for a result: its body, whole, in part or in pieces, and how long it is.

A body of up to 256 kB is made whole and kept. A longer one is sent while it is written, unless its length must be
known, for a range or for HEAD: then it is made whole, once, and kept beside the result.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Any

from flask import request

from gateway.answer import Answer, Export, Unread
from gateway.encode import encode
from gateway.encode.rows import too_many_rows
from gateway.streaming import Chunk, Form
from gateway.web.content_coding import compress, compressed
from gateway.web.context import gateway, site
from gateway.web.preconditions import range_of
from gateway.web.ranges import content_range, part_of
from gateway.web.representation import Representation
from gateway.web.responses import Header
from gateway.web.sending import resumed, written

WHOLE = 256 * 1024
"""Bodies of up to this many bytes are made and sent in one piece, and kept."""
LARGEST = 64 * 2**20
"""Bytes of the largest body that is made whole because its length must be known; less where less can be kept."""
COMPACT = 8 * 1024
"""The same for rows that are sent while they are computed in a compact format, or else one chunk of them: what they
come to in it says little of how many they are."""
_ONE_AT_A_TIME = Lock()
"""Held while a long body is made whole, or a workbook: those who want the same one wait, and memory is taken by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The body of a response, with the status and the headers that go with it.

    ``body`` is None where none is sent; ``length`` is that of the body which a GET has, None where nobody knows it.
    """

    status: int = 200
    headers: tuple[Header, ...] = ()
    body: bytes | Iterator[bytes] | None
    length: int | None


def payload_of(given: Representation) -> Payload:
    """Make the payload of a response to the current request. Raises ``RangeNotSatisfiable``."""
    if request.method == "POST":
        return _sent(body_of(given), ())
    if request.method == "HEAD":
        return _announced(given)
    asked = range_of(given.tag)
    body = body_of(given, whole=asked is not None)
    ranges = _accepts_ranges(given, known=asked is None or isinstance(body, bytes))
    if asked is None or not isinstance(body, bytes):
        return _sent(body, ranges)
    return _part(body, asked, ranges)


def unchanged(given: Representation) -> Payload:
    """Make the payload that says that the client has what it asks for."""
    return Payload(status=304, headers=_accepts_ranges(given, known=True), body=None, length=None)


def body_of(given: Representation, *, whole: bool = False) -> bytes | Iterator[bytes]:
    """Return the body that was made before; or make it, *whole* at any length that can be kept."""
    made = _kept(given)
    if made is not None:
        return made
    _check_rows(given)
    if given.variant.format.max_rows is not None:  # nothing of a workbook is there before the whole
        return _made_alone(given, compressed(_chunks(given), given.variant.coding))
    head, rest = _begun(given)
    if rest is None:
        return _keep(given, compress(b"".join(head), given.variant.coding))
    pieces = compressed(resumed(head, rest), given.variant.coding)
    return _made_alone(given, pieces) if whole else pieces


def _announced(given: Representation) -> Payload:
    """Say how long the body is that a GET would be sent; one that is sent while it is computed has no length."""
    length = None if given.tag is None else site().lengths.of(given.tag[0])
    if length is None and isinstance(given.answer, Answer):
        body = body_of(given, whole=True)
        length = len(body) if isinstance(body, bytes) else None
    return Payload(headers=_accepts_ranges(given, known=length is not None), body=None, length=length)


def _accepts_ranges(given: Representation, *, known: bool) -> tuple[Header, ...]:
    """Say whether parts of a body can be asked for: it has a strong tag, and its length is or can be *known*."""
    rangeable = known and given.tag is not None and not isinstance(given.answer, Export)
    return (("Accept-Ranges", "bytes" if rangeable else "none"),)


def _sent(body: bytes | Iterator[bytes], headers: tuple[Header, ...]) -> Payload:
    if not isinstance(body, bytes):
        return Payload(headers=headers, body=body, length=None)
    return Payload(headers=headers, body=_in_pieces(body, 0, len(body)), length=len(body))


def _part(body: bytes, asked: str, headers: tuple[Header, ...]) -> Payload:
    size, part = len(body), part_of(asked, len(body))
    if size == 0:  # its last bytes are none, which no Content-Range can name
        return _sent(body, headers)
    told, pieces = (*headers, content_range(part, size)), _in_pieces(body, part.start, part.stop)
    return Payload(status=206, headers=told, body=pieces, length=part.stop - part.start)


def _in_pieces(body: bytes, start: int, stop: int) -> bytes | Iterator[bytes]:
    """Return a part of a body; a long one in pieces, so that nobody copies it at once."""
    if stop - start <= WHOLE:
        return body[start:stop]
    return (body[place : min(place + WHOLE, stop)] for place in range(start, stop, WHOLE))


def _kept(given: Representation) -> bytes | None:
    return None if given.body is None else gateway().cache.encoding(given.answer.result.key, given.body)


def _keep(given: Representation, body: bytes) -> bytes:
    """Keep a body that was made of a result which is kept, and how long it is."""
    if isinstance(given.answer, Answer) and given.body is not None:
        gateway().cache.keep_encoding(given.answer.result, given.body, body)
        if given.tag is not None:  # declared rows have none: their names tell them not apart
            site().lengths.note(given.tag[0], len(body))
    return body


def _check_rows(given: Representation) -> None:
    """Raise ``ResultTooLarge`` for more rows than the format can have, before any of them is written."""
    form, page = given.variant.format, given.page
    rows = page.total if page.rows is None else page.rows
    if form.max_rows is not None and rows is not None and rows > form.max_rows and not isinstance(given.answer, Export):
        raise too_many_rows(form.name, form.max_rows)


def _begun(given: Representation) -> tuple[list[Chunk], Generator[Chunk] | None]:
    """Write what fits into one piece, before there is a response, so that an error in it is still a problem.

    With it comes the rest, None where there is none.
    """
    chunks, head, size = _chunks(given), list[Chunk](), 0
    compact = given.variant.format.compact and isinstance(given.answer, Export)
    for chunk in chunks:
        head.append(chunk)
        size += len(chunk)
        if size > WHOLE or (compact and (size > COMPACT or len(head) > 1)):
            return head, chunks
    return head, None


def _chunks(given: Representation) -> Generator[Chunk]:
    answer, variant = given.answer, given.variant
    assert not isinstance(answer, Unread)  # a response without a body
    if isinstance(answer, Export) and answer.result.written is not None and given.page.rows is None:
        form = Form(format=variant.format.name, shape=variant.shape, meta=given.meta, dialect=variant.dialect)
        return written(answer.result.written, form)
    how: dict[str, Any] = {"shape": variant.shape, "meta": given.meta, "dialect": variant.dialect}
    return encode(variant.format, given.page.content, answer.result.columns, **how)


def _made_alone(given: Representation, pieces: Generator[bytes]) -> bytes | Iterator[bytes]:
    """Make a body whole when no other one is made; who has waited may find it made."""
    with _ONE_AT_A_TIME:
        made = _kept(given)
        return _gathered(given, pieces) if made is None else made


def _gathered(given: Representation, pieces: Generator[bytes]) -> bytes | Iterator[bytes]:
    """Make a body whole; one that is too long for one piece, and to be kept, is left in pieces."""
    held, size, most = list[bytes](), 0, max(WHOLE, min(LARGEST, gateway().cache.largest_body))
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size > most:
            return resumed(held, pieces)
    return _keep(given, b"".join(held))
