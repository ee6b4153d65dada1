"""Addresses of splits: they say all that a split is of, so that any host reads it without knowing of its plan.

Nothing in an address is trusted: who asks for it, and for what, is checked as for any other question.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Any, Final

import orjson

from gateway.datasets.splits import Split
from gateway.errors import MalformedRequest
from gateway.web.parsing import MAX_ROWS, parse_json

_LARGEST: Final = 2**20
"""Bytes of what an address says, unpacked."""
_PLACES: Final = {"files": 4, "rows": 2}
_LATEST: Final = 253_402_300_799 * 10**6
"""The last instant of the year 9999, in µs since the epoch."""


def write_address(split: Split, given: dict[str, Any]) -> str:
    """Write a split and the parameters that its question was *given*."""
    now = None if split.now is None else round(split.now * 10**6)
    said = [split.by, split.number, split.place, split.content, split.snapshot, now, given]
    return base64.urlsafe_b64encode(zlib.compress(orjson.dumps(said), 9)).decode().rstrip("=")


def read_address(text: str | None, number: int) -> tuple[Split, dict[str, Any]]:
    """Read what ``write_address`` wrote of the split of that number. Raises ``MalformedRequest``."""
    match _unpacked(text or ""):
        case ["files" | "rows" as by, int(at), list(place), str(content), snapshot, now, dict(given)] if (
            at == number
            and len(place) == _PLACES[by]
            and all(type(each) is int and 0 <= each <= MAX_ROWS for each in place)
            and place[0] <= place[-len(place) // 2]
            and (snapshot is None or isinstance(snapshot, str))
            and (now is None or (type(now) is int and 0 <= now <= _LATEST))
        ):
            instant = None if now is None else now / 10**6
            split = Split(by=by, number=at, place=tuple(place), content=content, snapshot=snapshot, now=instant)
            return split, given
    raise MalformedRequest("_plan is not of this split: take its address from the plan unchanged.", option="_plan")


def _unpacked(text: str) -> Any:
    """Return the JSON of an address; None where there is none."""
    unpacking = zlib.decompressobj()
    try:
        said = unpacking.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), _LARGEST)
        return parse_json(said) if unpacking.eof else None
    except (binascii.Error, zlib.error, ValueError, MalformedRequest):
        return None
