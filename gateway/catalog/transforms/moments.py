"""Texts of dates and timestamps as DuckDB writes and reads them, of all years and the infinite ones.

pyarrow writes and reads the years 1 to 9999 so, which is what there is nearly always; the others are written and read
here, one by one: ``0044-03-15 (BC)``, ``12345-06-07 01:00:00``, ``-infinity``.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.transforms.keys import Array, KeyKind, KeyType, ordinals

Mask = npt.NDArray[np.bool_]
FIRST_DAY, LAST_DAY = -719162, 2932896  # 0001-01-01 and 9999-12-31, in days since the epoch
_NEAR = r"^\d{4}-[^(]*$"
_FAR = re.compile(r"(?P<year>\d{4,7})(?P<day>-\d\d-\d\d)(?P<before> \(BC\))?(?P<time> .*)?")
_FIRST_SECOND, _FIRST_SECOND_OF_NS = -9_223_372_022_400, -9_223_286_400  # 290309-12-22 (BC), 1677-09-22
_EPOCH = "1970-01-01"


def moment_texts(values: Array, kind: KeyType) -> Array:
    """Write dates or timestamps. Raises ``pyarrow.ArrowInvalid`` for those that DuckDB has no text for."""
    keys, day = ordinals(values, kind), _day(kind)
    first, last = _range(kind)
    near: Mask = (keys >= max(first, FIRST_DAY * day)) & (keys <= min(last, (LAST_DAY + 1) * day - 1))
    if near.all():
        return _near_texts(values, kind)
    texts = np.empty(len(keys), dtype=object)
    texts[near] = _near_texts(values.filter(pa.array(near)), kind).to_pylist()
    texts[~near] = [_far_text(key, kind) for key in keys[~near].tolist()]
    return pa.array(texts, pa.string())


def read_moments(texts: Array, kind: KeyType) -> Array:
    """Read texts as dates or timestamps. Raises ``pyarrow.ArrowInvalid``."""
    usual: Array = pc.match_substring_regex(texts, _NEAR)
    near: Mask = np.asarray(usual.fill_null(True), dtype=np.bool_)
    if near.all():
        return texts.cast(kind.arrow)
    keys = np.empty(len(texts), dtype=object)
    keys[near] = texts.filter(pa.array(near)).cast(kind.arrow).cast(_stored(kind)).to_pylist()
    keys[~near] = [_read(text, kind) for text in texts.filter(pa.array(~near)).to_pylist()]
    return pa.array(keys, _stored(kind)).cast(kind.arrow)


def _near_texts(values: Array, kind: KeyType) -> Array:
    if kind.kind is KeyKind.DATE:
        return values.cast(pa.string())
    texts = values.cast(pa.timestamp(values.type.unit)).cast(pa.string())
    plain = pc.replace_substring_regex(texts, r"\.?0*$", "") if kind.per_second > 1 else texts
    return pc.binary_join_element_wise(plain, "+00", "") if kind.kind is KeyKind.TIMESTAMPTZ else plain


def _far_text(key: int, kind: KeyType) -> str:
    if abs(key) == _infinite(kind):
        return "infinity" if key > 0 else "-infinity"
    _check(key, kind, key)
    days, rest = divmod(key, _day(kind))
    year, day = _written(days)
    date = f"{year:04d}{day}" if year > 0 else f"{1 - year:04d}{day} (BC)"
    time: str = _near_texts(pa.array([rest], _stored(kind)).cast(kind.arrow), kind)[0].as_py()
    return date + time.removeprefix(_EPOCH)


def _written(days: int) -> tuple[int, str]:
    """Return the year (0 is 1 BC) and the rest of a date, ``-MM-DD``."""
    iso = str(np.array([days]).astype("datetime64[D]")[0])
    return int(iso[:-6]), iso[-6:]


def _read(text: str, kind: KeyType) -> int:
    if text in ("infinity", "-infinity"):
        return -_infinite(kind) if text.startswith("-") else _infinite(kind)
    match = _FAR.fullmatch(text)
    if match is None:
        raise pa.ArrowInvalid(f"{text!r}")
    year = 1 - int(match["year"]) if match["before"] else int(match["year"])
    try:
        days = int(np.datetime64(f"{year:05d}{match['day']}", "D").astype(np.int64))
    except ValueError as error:
        raise pa.ArrowInvalid(f"{text!r}") from error
    time = pa.array([_EPOCH + (match["time"] or "")], pa.string()).cast(kind.arrow)
    key = days * _day(kind) + int(ordinals(time, kind)[0])
    _check(key, kind, text)
    return key


def _stored(kind: KeyType) -> pa.DataType:
    return pa.int32() if kind.kind is KeyKind.DATE else pa.int64()


def _day(kind: KeyType) -> int:
    return 86400 * kind.per_second or 1


def _infinite(kind: KeyType) -> int:
    return 2**31 - 1 if kind.kind is KeyKind.DATE else 2**63 - 1


def _range(kind: KeyType) -> tuple[int, int]:
    """Return the first and last finite key of a type of DuckDB."""
    if kind.kind is KeyKind.DATE:
        return 2 - 2**31, 2**31 - 2
    first = _FIRST_SECOND_OF_NS if kind.per_second == 10**9 else _FIRST_SECOND
    return first * kind.per_second, (2**63 - 2) // max(10**6 // kind.per_second, 1)


def _check(key: int, kind: KeyType, shown: object) -> None:
    first, last = _range(kind)
    if not first <= key <= last:
        raise pa.ArrowInvalid(f"{shown!r} is out of the range that DuckDB reads")
