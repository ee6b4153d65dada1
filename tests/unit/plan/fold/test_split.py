"""How texts are split, one case each: partial, finish and whole, or why not; and the proof that they mean the same.

A case file holds SQL texts over ``facts AS t`` that end in ``;``, some with ``dims`` and ``kinds`` joined to it. The
lines after one say what is expected: ``--> partial``, ``--> finish`` and ``--> whole`` (without it, the text itself),
``--> fails`` for each filter that can be known to hold; or ``--! reason | hint``.
"""

from __future__ import annotations

import random
import re
import string
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from foldable import BESIDE, beside
from folding import Texts, content

from gateway.plan.fold import exact
from gateway.plan.fold.parts import Refused

CASES = Path(__file__).parent / "cases"
COLUMNS = {
    "k": "VARCHAR",
    "j": "INTEGER",
    "ts": "TIMESTAMP",
    "i": "INTEGER",
    "m": "DECIMAL(9,2)",
    "t": "BOOLEAN",
    "f": "DOUBLE",
}
CASE = re.compile(r"^(?P<sql>(?:(?!--).+\n)*?(?!--).*;)\n(?P<expected>(?:^--[>!].*\n)*)", re.M)


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    sql: str
    expected: list[str]


def read_cases() -> list[Case]:
    return list(_cases())


def _cases() -> Iterator[Case]:
    for path in sorted(CASES.glob("*.sql")):
        text = path.read_text()
        for match in CASE.finditer(text):
            line = text[: match.start()].count("\n") + 1
            yield Case(f"{path.stem}:{line}", match["sql"].removesuffix(";"), match["expected"].splitlines())


@pytest.fixture(scope="module")
def texts() -> Iterator[Texts]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        texts = Texts(connection, COLUMNS, BESIDE)
        texts.load(list(rows(random.Random(0))))
        for table, others in beside(random.Random(7)).items():
            texts.load(others, table)
        yield texts


def rows(chance: random.Random) -> Iterator[dict[str, Any]]:
    for _ in range(60):
        yield {
            "k": chance.choice([None, "a", "A", "b", ""]),
            "j": chance.choice([None, 1, 2]),
            "ts": chance.choice([None, "2024-01-01", "2024-01-02 12:00:00"]),
            "i": chance.choice([None, 1, 2, 3]),
            "m": chance.choice([None, "1.50", "-2.25"]),
            "t": chance.choice([None, True, False]),
            "f": chance.choice([None, 0.0, -0.0, 1.5, float("nan")]),
        }


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.name)
def test_a_text_is_split_as_the_case_states(texts: Texts, case: Case) -> None:
    assert case.expected == list(shown(texts, case.sql))


def shown(texts: Texts, sql: str) -> Iterator[str]:
    try:
        made = texts.split(sql)
    except Refused as refused:
        yield f"--! {refused.reason}" + (f" | {refused.hint}" if refused.hint else "")
        return
    yield from (f"--> partial: {line(part.partial())}" for part in made.parts)
    yield f"--> finish: {line(made.finish)}"
    if line(made.whole) != line(sql):
        yield f"--> whole: {line(made.whole)}"
    filters = (filter_ for part in made.parts for filter_ in part.filters)
    yield from (f"--> fails: {line(filter_.fails)}" for filter_ in filters if filter_.fails)


def line(sql: str) -> str:
    return shortened(" ".join(sql.replace("__gateway_", "").split()))


def shortened(sql: str) -> str:
    """Write ``digit0(x)`` … for the digits of an exact sum, and ``exact(…)`` for what is made of them."""
    for number, state in enumerate(exact.STATES):
        once = (
            re.escape(state).replace(r"\{argument\}", "(?P<argument>.+?)", 1).replace(r"\{argument\}", "(?P=argument)")
        )
        pattern = once.replace(r"\{filter\}", r"(?P<filter> FILTER \(.+?\)|)")
        sql = re.sub(pattern, rf"digit{number}(\g<argument>)\g<filter>", sql)
    for sums in (exact.MERGED, exact.OVER_ROWS):
        template = exact.rounded(sums).replace("__gateway_", "").format(*(f"<{number}>" for number in range(len(sums))))
        pattern = re.sub("<([0-9])>", r"(?P<of_\1>[^,}]+?)", re.escape(template))
        sql = re.sub(pattern, lambda found: f"exact({', '.join(found.groupdict().values())})", sql)
    return sql


@pytest.mark.parametrize(
    "case",
    [case for case in read_cases() if "$" not in case.sql and not any(one.startswith("--!") for one in case.expected)],
    ids=lambda case: case.name,
)
def test_the_fold_is_the_query_over_all_rows(texts: Texts, case: Case) -> None:
    made = texts.split(case.sql)
    folded = texts.folded(made, ["i = 1", "i IS NULL", "i > 1", "i > 7"])
    assert content(folded) == content(texts.table(made.whole))
    ties = ("arg_", "_by(", "(i ORDER BY ts", "(k ORDER BY j", "ORDER BY i)", "' ORDER BY j)")
    if not any(word in case.sql for word in ("LIMIT", "OVER", "OFFSET", *ties)):
        assert texts.near(made.whole) == texts.near(case.sql)


@pytest.mark.parametrize("joining", [" UNION ALL ", " UNION "])
def test_each_arm_of_a_long_union_costs_about_the_same(texts: Texts, joining: str) -> None:
    def calls(arms: int) -> int:
        sql = joining.join(f"SELECT k, sum(i) AS n FROM facts AS t WHERE i > {arm} GROUP BY k" for arm in range(arms))
        counted: Counter[str] = Counter()
        before = sys.getprofile()
        sys.setprofile(lambda frame, event, arg: counted.update([event]))
        try:
            texts.split(sql)
        finally:
            sys.setprofile(before)
        return counted["call"]

    calls(2)  # what is done once
    assert calls(48) < 2.5 * calls(24)


def test_no_column_hides_what_an_exact_sum_calls_its_own() -> None:
    words = {word.lower() for word in re.findall(r"[A-Za-z_]+", exact.rounded(exact.STATES))}
    names = sorted(word for word in words | set(string.ascii_lowercase) if not word.startswith("__"))
    with duckdb.connect(config={"threads": 1}) as connection:
        for name in names:
            sums = exact.rounded(exact.STATES).format(argument=f't."{name}"', filter="")
            found = connection.execute(f'SELECT {sums} FROM (VALUES (0.5::DOUBLE), (0.25)) AS t("{name}")').fetchone()
            assert found == (0.75,), name
