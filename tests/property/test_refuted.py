"""What the engine says of ranges of a column holds of every value in them: no row of an answer lies in a refuted range.

The rows are those that DuckDB finds for the condition as it is written, so that what sqlglot makes of it counts too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import duckdb
import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from restriction import Database, written

from gateway.model import Column, TypedValue
from gateway.plan.analysis import NOW, bind, prepare
from gateway.plan.refuting import Refuting
from gateway.plan.samples import Samples, grains_of_beginnings, grains_of_keys, grains_of_ranges
from gateway.predicate import TRUE, Term

DAY = 86_400_000_000
HOUR = DAY // 24
START = 19_700 * DAY
"""In December 2023."""
PARAMETERS = {
    "pn": TypedValue(value=7, type="INTEGER"),
    "none": TypedValue(value=None, type="TIMESTAMP"),
    "pd": TypedValue(value=datetime(2024, 1, 20, 5), type="TIMESTAMP"),
    "pf": TypedValue(value=False, type="BOOLEAN"),
    "pp": TypedValue(value="2024-01-3_%", type="VARCHAR"),
    "ps": TypedValue(value="ab", type="VARCHAR"),
    NOW: TypedValue(value=datetime(2024, 1, 25, 6, 30, tzinfo=UTC), type="TIMESTAMP WITH TIME ZONE"),
}
MOMENTS = ("TIMESTAMP '2024-01-20'", "TIMESTAMP '2024-01-31 23:30:00'", "DATE '2024-02-29'", "$pd", "now()::TIMESTAMP")
LENGTHS = (
    "INTERVAL 1 MONTH",
    "INTERVAL 36 HOUR",
    "INTERVAL '1.5 days'",
    "$pn * INTERVAL 1 DAY",
    "INTERVAL (-$pn) MONTH",
)
ZONES = ("America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "UTC", "America/St_Johns")
UNITS = ("hour", "day", "week", "month", "quarter", "year")
NUMBERS = (
    *("extract(epoch FROM {x})", "epoch_us({x}) // 86400000000", "floor(epoch({x}) / 86400)", "epoch_ms({x}) * 2"),
    *("if({x} < {c}, 3, 0)", "if({x} >= {c}, 0, 3)"),
    *("year({x}) * 100 + month({x})", "epoch_ms({x})", "epoch({x})", "hour({x})", "dayofweek({x})", "isodow({x})"),
    *("date_diff('day', {x}, {c})", "datediff('month', {c}, {x})", "date_diff('hour', {x}, {c})", "week({x})"),
    *("extract(doy FROM {x})", "date_part('dow', {x})", "yearweek({x})", "day({x} + {l})", "minute({x})"),
    *(
        "datesub('day', {x}, {c})",
        "date_sub('week', {c}, {x})",
        "hour({x} AT TIME ZONE '{z}')",
        "round(epoch({x}), -4)",
    ),
    *("dayofweek({x}::TIMESTAMP AT TIME ZONE 'UTC' AT TIME ZONE '{z}')", "day(timezone('{z}', {x}))"),
    *("datesub('month', {x}, {c})", "date_sub('year', {c}, {x})", "date_part('year', age({c}, {x}))", "year({x}) % 10"),
    *("4048 - year({x})", "month({x}) + 12 * (year({x}) - 2024)", "extract(decade FROM {x})", "quarter({x}) * 3"),
)
AGES = ("age({c}, {x})", "age({x}, {c})", "age({x}::DATE, {c})", "age({c}, {x}) + INTERVAL 3 DAY")
SPANS = ("INTERVAL 20 DAY", "INTERVAL '1 month 2 days'", "INTERVAL 2 YEAR", "INTERVAL '-30 days'", "INTERVAL 0 DAY")
TIMES = (
    *("{x}", "{x} + {l}", "{x} - {l}", "{x} + INTERVAL 5 HOUR + {l}", "date_trunc('{u}', {x})", "{x} + {l} - {l}"),
    *("time_bucket(INTERVAL '7 days', {x})", "time_bucket(INTERVAL '5 hours', {x})", "coalesce({x}, {c})"),
    *("time_bucket(INTERVAL '1 month', {x})", "greatest({x}, {c})", "least({x}, {c}, {c})", "last_day({x})"),
    *(
        "date_trunc('{u}', {x} + {l})",
        "make_date(year({x}), month({x}), 1)",
        "{x}::DATE",
        "date_trunc('{u}', {x}) + {l}",
    ),
    *(
        "date({x})",
        "{x} AT TIME ZONE '{z}'",
        "date_trunc('{u}', {x} AT TIME ZONE '{z}')",
        "({x} AT TIME ZONE '{z}')::DATE",
    ),
    *("date_trunc('{u}', timezone('{z}', {x}))", "{x}::TIMESTAMP AT TIME ZONE 'UTC' AT TIME ZONE '{z}'"),
    *("date_trunc('day', {x} AT TIME ZONE '{z}') + {l}", "({x} AT TIME ZONE '{z}' + {l})::DATE"),
    *("{x} - INTERVAL (hour({x}::TIMESTAMP)) HOUR", "{x} - INTERVAL (dayofweek({x})) DAY", "{x} + to_months($pn)"),
    *(
        "date_trunc('month', {x}) + INTERVAL 1 MONTH",
        "{x} - INTERVAL (day({x}) - 1) DAY",
        "{x}::DATE - INTERVAL 7 MONTH",
    ),
    *("CASE WHEN {x} < {c} THEN {c} ELSE {c} END", "nullif({x}, {c})", "{x}::DATE + 3", "CAST({x} AS DATE) + {l}"),
)
TEXTS = (
    *("{x}::VARCHAR", "left({x}::VARCHAR, 10)", "substr({x}::VARCHAR, 1, 7)", "strftime({x}, '%d/%m/%Y')"),
    *("strftime({x}, '%Y-%m-%d %H:%M')", "dayname({x})", "monthname({x})", "strftime({x}, '%H')", "{x}::DATE::VARCHAR"),
    *("strftime({x}, '%-d.%-m.%y')", "CASE WHEN {x} < {c} THEN 'old' WHEN {x} < {c} THEN '2024-01-31' END"),
    *("CASE WHEN {x} >= {c} OR {x} IS NULL THEN 'old' ELSE 'new' END", "concat(monthname({x}), '!')"),
    *(
        "strftime({x}, '%H:%M')",
        "strftime({x}, '%d %H:%M:%S')",
        "{x}::TIMESTAMP::TIME::VARCHAR",
        "right(year({x})::VARCHAR, 1)",
    ),
    *("strftime({x}, '%b %Y')", "strftime({x}, '%Y-%m-%d %H')"),
    *("strftime('%d/%m/%Y', {x})", "strftime({x} AT TIME ZONE '{z}', '%Y-%m-%d')", "dayname({x} AT TIME ZONE '{z}')"),
    *("concat(year({x}), '-', lpad(month({x})::VARCHAR, 2, '0'))", "format('{{}}-{{:02d}}', year({x}), month({x}))"),
)
WORDS = (
    "'05:30'",
    "'31 23:00:00'",
    "'4'",
    "'Jan 2024'",
    "'2024-01-31'",
    "'2024-01'",
    "'31/01/2024'",
    "'Monday'",
    "'January'",
    "'old'",
    "'05'",
    "'new'",
    "'31.1.24'",
)
PATTERNS = ("'2024-01%'", "'2024-0_-31%'", "'%1%'", "'J%'", "'2024-01-31 2%'", "$pp", "$ps")
COMPARED = ("=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM")
LETTERS = (
    *("lower({x}) = 'ab'", "{x} ILIKE 'A%'", "regexp_matches({x}, '^a')", "{x} SIMILAR TO 'a.*'", "upper({x}) <> 'AB'"),
    *(
        "length({x}) = 2",
        "{x} || 'c' = 'abc'",
        "concat({x}, 'c') = 'c'",
        "left({x}, 1) = 'a'",
        "{x} = coalesce($ps, {x})",
    ),
    *("{x} NOT ILIKE 'a%'", "suffix({x}, 'b')", "contains({x}, 'b')", "trim({x}) = 'ab'", "{x} IN (lower({x}), 'Z')"),
    *("$ps IN ({x}, 'all')", "replace({x}, 'a', 'b') = 'bb'", "{x}[1] = 'a'", "coalesce({x}, 'q') = 'q'"),
    *("CASE WHEN {x} = 'ab' THEN 1 ELSE 2 END = 2", "split_part({x}, 'b', 1) = 'a'", "{x} LIKE '%b'", "{x} ^@ 'a'"),
    *(
        "reverse({x}) = 'ba'",
        "regexp_replace({x}, 'a', 'b') = 'bb'",
        "regexp_extract({x}, '^.') = 'a'",
        "ascii({x}) = 97",
    ),
    *(
        "left({x}, 2) = 'ab'",
        "substr({x}, 2, 1) IN ('b', 'c')",
        "lower({x}) LIKE 'ab_%'",
        "{x} ILIKE '_B%'",
        "{x}[2] = 'b'",
    ),
    *(
        "split_part({x}, ' ', 1) = 'a'",
        "rtrim({x}) = 'ab'",
        "ltrim(lower({x})) = 'ab'",
        "concat(left({x}, 1), '!') = 'a!'",
    ),
    *(
        "regexp_matches({x}, '^(ab|b)')",
        "{x} SIMILAR TO 'ab?c*'",
        "starts_with(upper({x}), 'AB')",
        "{x} LIKE $ps || '%'",
    ),
    *("{x} COLLATE NOCASE IN ('AB', 'B')", "prefix({x}, 'ab')", "{x} = 'AB' COLLATE NOCASE", "left({x}, 1) <> 'a'"),
    *("{x} ~ 'a'", "{x} !~ 'a'", "{x} NOT SIMILAR TO 'a'", "regexp_matches({x}, 'b', 'i')", "{x} GLOB 'a*'"),
    *("{x} COLLATE NOCASE = 'ab'", "{x} COLLATE NOACCENT IN ('ab', 'b')", "hash({x}) = hash('ab')", "{x}[1:2] = 'ab'"),
    *("levenshtein({x}, 'ac') <= 1", "md5({x}) = md5('ab')", "translate({x}, 'a', 'b') = 'bb'", "unicode({x}) = 97"),
    *(
        "concat('x', {x}) = 'x'",
        "concat_ws('-', 'q', {x}) = 'q-ab'",
        "concat_ws('-', {x}, 'q', 'r') IN ('q-r', 'ab-q-r')",
    ),
    *(
        "'q' || {x} || 'r' = 'qabr'",
        "format('q{{}}', {x}) = 'qab'",
        "concat({x}, $ps) = 'abab'",
        "concat_ws('-', {x}) = ''",
    ),
    *("regexp_full_match({x}, 'a.')", "concat_ws('-', {x}, 'q') = 'q'", "lpad({x}, 3, 'z') = 'zab'"),
)
COUNTS = (
    *("{x} // 10 >= 3", "floor({x} / 7) < 9", "{x} * 3 > 100", "round({x} * 0.1) = 5", "if({x} > 50, 1, 0) = 1"),
    *(
        "{x} % 7 = 3",
        "abs({x}) > 400",
        "{x} * 2 > 300",
        "-{x} > 20",
        "{x} + 1 = $pn",
        "100 - {x} < $pn",
        "{x} // 10 = 3",
    ),
    *(
        "{x}::VARCHAR IN ('7', '07', 'a')",
        "7 - {x} = 0",
        "-{x} * 3 = -21",
        "({x} + 1) * 2 IN (16, 18, 19)",
        "{x} - 1 = $pn",
    ),
    *("CAST({x} + 3 AS VARCHAR) = '10'", "coalesce({x} + 1, 7) = $pn", "coalesce({x}, 7) - 7 = 0"),
    *("{x}::VARCHAR LIKE '1%'", "coalesce({x}, 7) = $pn", "greatest({x}, 50) <= 50", "{x} BETWEEN $pn AND 50.5"),
    *("CASE WHEN {x} < 50 THEN 'a' ELSE 'b' END = 'a'", "{x}::DOUBLE / 3 > 5.5", "NOT ({x} + 1 <> 8)", "{x} / 2 = 3.5"),
    *("floor({x} / 10) = 3", "round({x}, -2) = 300", "power({x}, 2) < 900", "{x} & 3 = 1", "sqrt(abs({x})) >= 20"),
    *("concat('u', {x}) = 'u7'", "'u' || {x} || '!' = 'u42!'", "concat('u', {x} + 1) IN ('u', 'u8')"),
    *("lpad({x}::VARCHAR, 4, '0') = '0007'", "format('{{}}', {x}) = '42'", "sign({x}) < 0", "ceil({x} * 1.5) = 6"),
)


@st.composite
def of_times(draw: st.DrawFn) -> str:
    form = draw(st.sampled_from(("time", "time", "number", "text", "pattern", "between", "in", "row", "age", "clock")))
    if form == "age":
        return f"{draw(st.sampled_from(AGES))} {draw(st.sampled_from(COMPARED))} {draw(st.sampled_from(SPANS))}"
    if form == "clock":
        return f"{{x}}::TIMESTAMP::TIME {draw(st.sampled_from(COMPARED))} TIME '05:30'"
    if form == "number":
        return f"{draw(st.sampled_from(NUMBERS))} {draw(st.sampled_from(COMPARED))} {draw(st.sampled_from(_SOME))}"
    if form == "text":
        return f"{draw(st.sampled_from(TEXTS))} {draw(st.sampled_from(COMPARED))} {draw(st.sampled_from(WORDS))}"
    if form == "pattern":
        return f"{draw(st.sampled_from(TEXTS))} LIKE {draw(st.sampled_from(PATTERNS))}"
    time = draw(st.sampled_from(TIMES))
    if form == "between":
        return f"{time} {draw(st.sampled_from(('', 'NOT ')))}BETWEEN {{c}} AND {{c}}"
    if form == "in":
        return f"{time} {draw(st.sampled_from(('', 'NOT ')))}IN ({{c}}, {{c}})"
    operator = draw(st.sampled_from(COMPARED))
    sides = [time, draw(st.sampled_from(("{c}", "$none")))]
    return f" {operator} ".join(sides if draw(st.booleans()) else reversed(sides))


_SOME = ("202401", "1706000000000", "1706000000", "3", "0", "-7", "31", "202405")


@st.composite
def conditions(draw: st.DrawFn, leaves: st.SearchStrategy[str]) -> str:
    found = [draw(leaves) for _ in range(draw(st.sampled_from((1, 1, 1, 2))))]
    text = draw(st.sampled_from((" AND ", " OR "))).join(found)
    text = f"NOT ({text})" if draw(st.integers(0, 3)) == 0 else text
    if draw(st.integers(0, 5)) == 0:
        text = f"({text}) IS {draw(st.sampled_from(('', 'NOT ')))}{draw(st.sampled_from(('TRUE', 'FALSE')))}"
    if draw(st.integers(0, 5)) == 0:
        result = draw(st.sampled_from(("TRUE", "FALSE", "NULL", "$pf", "x IS NULL")))
        text = f"CASE WHEN {text} THEN {result} WHEN {draw(leaves)} THEN {draw(leaves)} ELSE {draw(leaves)} END"
        text = f"NOT {text}" if draw(st.booleans()) else text
    for name, choices in (("c", MOMENTS), ("l", LENGTHS), ("u", UNITS), ("z", ZONES)):
        while f"{{{name}}}" in text:
            text = text.replace(f"{{{name}}}", draw(st.sampled_from(choices)), 1)
    return text.replace("{x}", "x").replace("{{", "{").replace("}}", "}")


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield Database(connection=connection)


def check(database: Database, condition: str, kind: str, values: Sequence[str], grains: Samples | None) -> None:
    """Compare the rows that satisfy a condition with what it keeps of a table of these values and NULL."""
    database.connection.execute(f"CREATE OR REPLACE TABLE t (x {kind})")
    database.connection.execute(
        f"INSERT INTO t SELECT v::{kind} FROM (VALUES {', '.join(f'({v})' for v in values)}, (NULL)) AS r(v)"
    )
    prepared = prepare(
        f"SELECT x FROM t WHERE {condition}",
        {"t": [Column(name="x", type=kind)]},
        {"t": ["x"]},
        {name: typed.type for name, typed in PARAMETERS.items()},
    )
    bound = bind(prepared, PARAMETERS, database.evaluate)

    def samples_of(scan: int, terms: tuple[Term, ...]) -> Sequence[Samples]:
        return () if grains is None else (grains,)

    refuted = Refuting(evaluate=database.evaluate).refute(prepared, bound, PARAMETERS, samples_of)
    kept = written(refuted.predicates[0], refuted.values)
    event("prunes" if refuted.predicates[0] != TRUE else "prunes nothing")
    sql = "(" + condition.replace("now()", f"${NOW}") + ")"
    try:
        lost = database.rows(f"SELECT x FROM t WHERE ({sql} IS TRUE) AND NOT ({kept} IS TRUE)", PARAMETERS)
    except duckdb.Error as error:
        event(str(error).partition(":")[0])
        return
    assert lost == [], (condition, kept)


@given(data=st.data(), kind=st.sampled_from(("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "DATE")))
def test_times(data: st.DataObject, kind: str, database: Database) -> None:
    condition = data.draw(conditions(of_times()))
    step = DAY if kind == "DATE" else data.draw(st.sampled_from((DAY, HOUR)))
    starts = data.draw(st.lists(st.integers(0, 400 if step == DAY else 8_000), min_size=1, max_size=6))
    lo = np.array([START // step * step + start * step for start in starts], dtype=np.int64)
    widths = data.draw(st.sampled_from(((1,), (1,), (31,), (12_000,), (1, 31, 12_000), (365, 31, 12_000))))
    hi = lo + np.resize(np.array(widths, dtype=np.int64), len(lo)) * step - 1
    inside = data.draw(
        st.lists(st.tuples(st.sampled_from(range(len(lo))), st.integers(0, max(widths) * step - 1)), max_size=6)
    )
    within = ((int(lo[unit]), int(hi[unit] - lo[unit] + 1), offset) for unit, offset in inside)
    moments = [*lo.tolist(), *hi.tolist(), *(first + offset % width for first, width, offset in within)]
    values = [f"make_timestamp({moment})" for moment in moments]
    grains = grains_of_ranges(lo // DAY, hi // DAY, kind) if kind == "DATE" else grains_of_ranges(lo, hi, kind)
    check(database, condition, kind, values, grains)


@given(data=st.data(), condition=conditions(st.sampled_from(LETTERS)))
def test_texts(data: st.DataObject, condition: str, database: Database) -> None:
    texts = data.draw(
        st.lists(
            st.sampled_from(["", "a", "A", "ab", "Ab", "abc", "b", "Z", "ä'b", "İ", " ab", "a b", "abcd"]), min_size=1
        )
    )
    known = [text.encode() for text in texts[: data.draw(st.integers(1, len(texts)))]]
    values = ["'" + text.replace("'", "''") + "'" for text in texts]
    check(database, condition, "VARCHAR", values, grains_of_keys(known, "VARCHAR"))
    beginnings = data.draw(st.lists(st.sampled_from([b"a", b"A", b"ab", b" ", "ä".encode(), b"b"]), min_size=1))
    check(database, condition, "VARCHAR", values, grains_of_beginnings(known, beginnings, "VARCHAR"))


@given(data=st.data(), condition=conditions(st.sampled_from(COUNTS)), kind=st.sampled_from(("INTEGER", "BIGINT")))
def test_numbers(data: st.DataObject, condition: str, kind: str, database: Database) -> None:
    starts = data.draw(st.lists(st.integers(-50, 500), min_size=1, max_size=5))
    width = data.draw(st.sampled_from((1, 10, 20_000)))
    lo = np.array(starts, dtype=np.int64)
    hi = lo + width - 1
    offsets = data.draw(st.lists(st.integers(0, width - 1), min_size=1, max_size=6))
    values = [str(n) for n in (*lo.tolist(), *hi.tolist(), *(start + offset for start in starts for offset in offsets))]
    check(database, condition, kind, values, grains_of_ranges(lo, hi, kind))
