"""Days and instants of all years of DuckDB are written so that no reader takes them for others, in folders too."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from real_servers import server_missing

from gateway.catalog.transforms import TransformError, parse_transform
from gateway.catalog.transforms.keys import key_type
from gateway.encode.cells import plain_texts

DAYS = st.integers(-2_147_483_646 // 1_000, 2_147_483_646 // 1_000) | st.integers(-2_147_483_646, 2_147_483_646)
MICROS = st.integers(-(2**63) + 2, 2**63 - 2)
_FIRST_YEAR, _LAST_YEAR = -719_528, 2_932_896
WRITTEN = re.compile(r"([0-9]{4}|[+-][0-9]{6,7})-([0-9]{2})-([0-9]{2})(?:T([0-9:]{8}(?:\.[0-9]{6})?)Z)?")
JAVASCRIPT = """
const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(texts.map((text) => new Date(text).getTime())));
"""


def day_of(year: str, month: str, day: str) -> int:
    """Count the days since 1970 of a day of the proleptic calendar, by numpy's own."""
    months = (int(year) - 1970) * 12 + int(month) - 1
    return int(np.datetime64(months, "M").astype("datetime64[D]").astype(int)) + int(day) - 1


@given(DAYS)
@example(-735_160)
@example(_FIRST_YEAR)
@example(_FIRST_YEAR - 1)
@example(_LAST_YEAR)
@example(_LAST_YEAR + 1)
def test_a_day_is_written_with_its_own_year(day: int) -> None:
    (text,) = plain_texts(pa.array([day], pa.int32()).cast(pa.date32())).to_pylist()
    match = WRITTEN.fullmatch(text)
    assert match is not None, text
    assert day_of(*match.group(1, 2, 3)) == day
    assert (len(match[1]) == 4) == (_FIRST_YEAR <= day <= _LAST_YEAR)


@given(MICROS)
def test_an_instant_is_written_with_its_own_year(micros: int) -> None:
    (text,) = plain_texts(pa.array([micros], pa.int64()).cast(pa.timestamp("us", "UTC"))).to_pylist()
    match = WRITTEN.fullmatch(text)
    assert match is not None, text
    assert day_of(*match.group(1, 2, 3)) == micros // 86_400_000_000


def test_javascript_reads_every_day_as_that_day_or_not_at_all() -> None:
    node = shutil.which("node") or server_missing("node is not installed")
    days = [*range(-1_500_000, 3_400_000, 997), *range(-100_000_000, 100_000_000, 99_991), *range(-735_160, -734_800)]
    texts = plain_texts(pa.array(days, pa.int32()).cast(pa.date32())).to_pylist()
    ran = subprocess.run([node, "-e", JAVASCRIPT], input=json.dumps(texts), capture_output=True, text=True, check=True)
    read = dict(zip(days, json.loads(ran.stdout), strict=True))
    assert {day: found for day, found in read.items() if found not in (None, day * 86_400_000)} == {}
    assert all(read[day] is not None for day in days if abs(day) < 99_000_000)


SECONDS = (-9_223_372_022_400, 9_223_372_036_854)
RANGES = {
    "DATE": (-(2**31) + 2, 2**31 - 2),
    "TIMESTAMP": (SECONDS[0] * 10**6, 2**63 - 2),
    "TIMESTAMP_S": SECONDS,
    "TIMESTAMP_MS": (SECONDS[0] * 1000, SECONDS[1] * 1000 + 775),
    "TIMESTAMP_NS": (-9_223_286_400 * 10**9, 2**63 - 2),
    "TIMESTAMP WITH TIME ZONE": (SECONDS[0] * 10**6, 2**63 - 2),
}
"""The first and last finite value of each type, in its unit since the epoch."""


def moments(kind: str, keys: list[int | None]) -> pa.Array:
    stored = key_type(kind)
    assert stored is not None
    return pa.array(keys, pa.int32() if kind == "DATE" else pa.int64()).cast(stored.arrow)


@pytest.mark.parametrize("kind", RANGES)
@settings(max_examples=10)
@given(data=st.data())
def test_a_folder_of_any_moment_is_read_as_that_moment_by_duckdb_too(kind: str, data: st.DataObject) -> None:
    first, last = RANGES[kind]
    infinite = 2**31 - 1 if kind == "DATE" else 2**63 - 1
    few = st.integers(max(first // 900, first), last // 900)
    edges = st.sampled_from([first, first + 1, last - 1, last, infinite, -infinite])
    keys = data.draw(st.lists(st.none() | st.integers(first, last) | few | edges, min_size=10, max_size=40))
    values = moments(kind, keys)
    identity = parse_transform("identity")
    texts = identity.apply(values, kind).cast(pa.string())
    assert identity.decode(texts.drop_null(), kind).equals(values.drop_null())
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("t", pa.table({"value": values, "text": texts}))
        # ICU writes some thousandths of far instants as others; it reads all.
        same = "TRUE" if "ZONE" in kind else "value::VARCHAR IS NOT DISTINCT FROM text"
        wrong = f"SELECT text FROM t WHERE NOT ({same}) OR text::{kind} IS DISTINCT FROM value"
        assert connection.sql(wrong).fetchall() == []


@pytest.mark.parametrize("kind", RANGES)
def test_what_duckdb_cannot_read_has_no_folder(kind: str) -> None:
    first, last = RANGES[kind]
    beyond = [-(2**31) if kind == "DATE" else -(2**63)]
    beyond += [key for key in (first - 1, last + 1) if abs(key) < (2**31 if kind == "DATE" else 2**63) - 1]
    for key in beyond:
        with pytest.raises(TransformError, match="out of the range"):
            parse_transform("identity").apply(moments(kind, [0, key]), kind)
    texts = ["infinite", "0044-02-30 (BC)", "5881580-07-11", "5877642-06-24 (BC)", "12345-6-7", "12345-06-07 25:00:00"]
    for text in texts:
        with pytest.raises(TransformError, match=f"not a {kind}"):
            parse_transform("identity").decode(pa.array(["2024-01-30", text]), kind)
