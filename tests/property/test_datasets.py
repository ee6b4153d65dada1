"""After any changes of its sources a dataset is its query once it is built, and what did not change is kept."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp

import pytest
from built_tables import Sales, asked, held, objects
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

DAY = "{column: built_day, transform: day, source: ts}"
LAYOUTS = {
    "rows by day": ("SELECT ts, shop, amount FROM sales", f"partitioned_by: [{DAY}]", "days and NULL"),
    "rows of some by day and shop": (
        "SELECT ts, shop, amount FROM sales WHERE amount > 1 OR amount IS NULL",
        f"partitioned_by: [{DAY}, {{column: shop, source: shop}}]",
        "days and NULL",
    ),
    "sums by day": (
        "SELECT CAST(date_trunc('day', ts) AS DATE) AS d, shop, sum(amount) AS s FROM sales GROUP BY ALL",
        "partitioned_by: [{column: d, source: d}]",
        "days",  # that the day of no other file is NULL is not known of a function of its time
    ),
    "rows by month and bucket": (
        "SELECT ts, shop, amount FROM sales ORDER BY amount",
        "partitioned_by: [{column: m, transform: month, source: ts}, {column: b, transform: 'bucket[3]', source: shop}]"
        "\nsorted_by: [amount]",
        "",
    ),
    "sums by shop": (
        "WITH s AS (SELECT * FROM sales) SELECT shop, sum(amount) AS s FROM s GROUP BY shop -- all days",
        "partitioned_by: [{column: shop, source: shop}]\nsorted_by: [s]",
        "",
    ),
    "one number": ("SELECT count(*) AS n, sum(amount) AS s FROM sales", "", ""),
    "shares of the whole": (
        "SELECT ts, shop, amount, sum(amount) OVER () AS whole FROM sales",
        f"partitioned_by: [{DAY}]",
        "",
    ),
    "days of a month that have no sales": (
        "SELECT d.d, count(s.ts) AS n FROM (SELECT unnest([DATE '2024-01-31', DATE '2024-02-01', NULL]) AS d) d "
        "LEFT JOIN sales s ON CAST(s.ts AS DATE) = d.d GROUP BY d.d",
        "partitioned_by: [{column: y, transform: year, source: d}, {column: d, source: d}]",
        "",
    ),
    "days of a zone": (
        "SELECT CAST(ts + INTERVAL 23 HOUR AS TIMESTAMP WITH TIME ZONE) AS ts, shop, amount FROM sales",
        "partitioned_by: [{column: y, transform: year, source: ts}, "
        "{column: d, transform: day, source: ts, zone: America/New_York}]",
        "",
    ),
    "hours, tens and truths": (
        "SELECT ts, amount // 1 AS tens, amount > 3 AS many FROM sales WHERE amount IS NOT NULL OR shop = 'a'",
        "partitioned_by: [{column: many, source: many}, {column: t, transform: 'truncate[10]', source: tens}, "
        "{column: h, transform: hour, source: ts}]",
        "",
    ),
    "buckets alone": (
        "SELECT shop, amount FROM sales",
        "partitioned_by: [{column: b, transform: 'bucket[2]', source: shop}]",
        "",
    ),
}
"""Queries, how their datasets are declared, and which of their partitions read the file of one day."""
DAYS = st.sampled_from([None, 0, 1, 2, 3, 40])
SHOPS = st.sampled_from([None, "a", "", "b/c", "100%", "é 1", "A", "__HIVE_DEFAULT_PARTITION__"])
ROWS = st.lists(st.tuples(SHOPS, st.one_of(st.none(), st.integers(-3, 9))), max_size=4)
CHANGES = st.lists(st.tuples(DAYS, st.one_of(st.none(), ROWS)), max_size=4)


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=3, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(rounds=st.lists(CHANGES, min_size=2, max_size=4))
def test_a_dataset_is_its_query_and_takes_over_what_did_not_change(
    layout: str, rounds: list[list[tuple[int | None, list[tuple[str | None, int | None]] | None]]]
) -> None:
    sql, declared, by_day = LAYOUTS[layout]
    sales = Sales(Path(mkdtemp()))
    try:
        sales.declare(sql, declared)
        sales.put(0, [("a", 3)])
        with sales.opened() as (gateway, builder):
            last = builder.build("built").version
            for changes in [[], *rounds]:
                for day, rows in changes:
                    sales.remove(day) if rows is None else sales.put(day, rows)
                built = builder.build("built")
                assert asked(gateway) == held(gateway)
                before, after = objects(last), objects(built.version)
                assert built.unchanged + built.built == len(after)
                if not changes:
                    assert (built.version.version, built.published, before) == (last.version, False, after)
                if by_day:
                    touched = {sales.path(day).parent.name.partition("=")[2] for day, _ in changes}
                    alone = (key for key in before if key[0] is not None or "NULL" in by_day)
                    same = {key for key in alone if _day(key) not in touched}
                    assert {key: before[key] for key in same} == {key: after[key] for key in same}
                last = built.version
    finally:
        shutil.rmtree(sales.folder)


def _day(key: tuple[str | None, ...]) -> str:
    return "__HIVE_DEFAULT_PARTITION__" if key[0] is None else key[0]
