"""Days and instants of all years of DuckDB are written so that no reader takes them for others."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import numpy as np
import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st
from real_servers import server_missing

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
