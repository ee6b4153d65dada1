"""Cursors: opaque, versioned positions in a stored result or listing. A page is a slice, never another run."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from hmac import compare_digest
from typing import Any

import orjson

from gateway.errors import MalformedRequest

_FORM = 1
"""Version of the encoding below; a cursor of another one is refused."""
_CHECK = 12
_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""What a key may look like: tiers make file names of keys, so a forged one must not name another file."""
_MAX_LENGTH = 1024
_MAX_RELATIVE = 512
"""Bytes of the relative times that a cursor has at most; longer ones are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The page of *limit* rows, 0 for all of them, that starts at row *offset* of what *key* names.

    ``question`` is the digest of what was asked; the same question must be asked with the cursor. ``relative`` has, by
    parameter, a digest of the relative times that were asked for and the value that they meant, as JSON: with the
    cursor they mean it still.
    """

    key: str
    question: str
    offset: int
    limit: int
    relative: Mapping[str, tuple[str, Any]] = field(default_factory=dict)

    def encode(self, secret: bytes = b"") -> str:
        """Write the cursor as text that is safe in a URL, signed with *secret* (64 bytes at most)."""
        kept = [self.relative] if self.relative and len(orjson.dumps(self.relative)) <= _MAX_RELATIVE else []
        payload = orjson.dumps([_FORM, self.key, self.question, self.offset, self.limit, *kept])
        return base64.urlsafe_b64encode(_check(payload, secret) + payload).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str, secret: bytes = b"") -> Cursor:
        """Read a cursor. Raises ``MalformedRequest`` for anything that ``encode`` did not write."""
        if len(text) > _MAX_LENGTH:
            raise _tampered()
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise _tampered() from error
        check, payload = raw[:_CHECK], raw[_CHECK:]
        if not compare_digest(check, _check(payload, secret)):
            raise _tampered()
        fields = _fields(payload)
        if fields[0] != _FORM:
            raise MalformedRequest("_cursor is of another version of this server: ask for the first page again.")
        match fields[1:]:
            case [str(key), str(question), int(offset), int(limit), *rest] if (
                _KEY.fullmatch(key) and min(offset, limit) >= 0 and len(rest) <= 1
            ):
                return cls(key=key, question=question, offset=offset, limit=limit, relative=_relative(*rest))
        raise _tampered()


def question_digest(*parts: object) -> str:
    """Digest what was asked, so that a cursor cannot be used with another question.

    >>> question_digest("delays", 1, [("start", "a")]) == question_digest("delays", 1, [("start", "b")])
    False
    """
    return blake2b(orjson.dumps(parts, default=str), digest_size=9).hexdigest()


def same_question(cursor: Cursor, question: str) -> Cursor:
    """Return *cursor* where it was given for *question*. Raises ``MalformedRequest``."""
    if cursor.question != question:
        raise MalformedRequest("_cursor belongs to another question: repeat the parameters that it was given for.")
    return cursor


def _relative(given: object = None) -> Mapping[str, tuple[str, Any]]:
    match given:
        case None:
            return {}
        case dict() if all(isinstance(pair, list) and len(pair) == 2 for pair in given.values()):
            return {name: (str(written), value) for name, (written, value) in given.items()}
    raise _tampered()


def _check(payload: bytes, secret: bytes) -> bytes:
    return blake2b(payload, key=secret, digest_size=_CHECK, person=b"gateway cursor").digest()


def _fields(payload: bytes) -> list[Any]:
    try:
        fields = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise _tampered() from error
    if not isinstance(fields, list) or not fields:
        raise _tampered()
    return fields


def _tampered() -> MalformedRequest:
    return MalformedRequest("_cursor is not one that this server gave: take it from `next` unchanged.")
