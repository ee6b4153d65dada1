"""A grammar of aggregations over one table, most of which fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

KEYS = (
    *("k", "t.k", "j", "date_trunc('day', ts)", "ts::DATE", "coalesce(k, 'none')", "j % 3", "t", "upper(k)"),
    *("h", "m", "u", "c", "z", "o", "i"),
)
NUMBERS = ("i", "b", "m", "w", "h", "i::BIGINT + j", "CASE WHEN t THEN i END", "m * 2", "abs(i::BIGINT)", "h / 2")
ANYTHING = ("i", "b", "m", "w", "h", "k", "ts", "ts::DATE", "t", "u", "c", "z", "o", "m * 2")
FILTERS = ("", " FILTER (WHERE t)", " FILTER (WHERE i > 0 AND k IS NOT NULL)")
CONDITIONS = (
    *("i > 0", "k IN ('a', 'b')", "j BETWEEN 1 AND 2", "(t OR i < 3)", "ts >= TIMESTAMP '2024-01-02'"),
    *("k IS DISTINCT FROM 'a'", "CASE WHEN t AND i > 1 THEN false ELSE true END", "NOT (j = 1)"),
    "extract(day FROM ts) = 2",
)
WINDOWS = (
    "row_number() OVER ()",
    "row_number() OVER (ORDER BY count(*))",
    "rank() OVER (ORDER BY max(i) DESC NULLS LAST)",
    "dense_rank() OVER (PARTITION BY count(*) ORDER BY min(j))",
    "sum(count(*)) OVER ()",
    "sum(sum(i)) OVER (ORDER BY count(*) ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
    "sum(sum(b)) OVER (ORDER BY count(*))",
    "max(min(m)) OVER (PARTITION BY count(*) ROWS UNBOUNDED PRECEDING)",
    "lag(count(*)) OVER (ORDER BY count(*))",
    "lead(min(k), 1) OVER (PARTITION BY bool_or(t))",
    "ntile(2) OVER (ORDER BY max(j))",
    "first_value(max(k)) OVER (ORDER BY count(*))",
    "last_value(count(i)) OVER (ORDER BY count(*) ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)",
    "count(*) OVER (PARTITION BY count(*))",
    "avg(sum(j)) OVER (ORDER BY count(*) RANGE UNBOUNDED PRECEDING)",
)


def aggregates(numbers: Sequence[str], anything: Sequence[str], integers: Sequence[str]) -> st.SearchStrategy[str]:
    """Make aggregates over these expressions."""
    return st.one_of(
        st.builds("count(*){}".format, st.sampled_from(FILTERS)),
        st.builds(
            "{}({}){}".format, st.sampled_from(["sum", "avg"]), st.sampled_from(numbers), st.sampled_from(FILTERS)
        ),
        st.builds(
            "{}({}){}".format,
            st.sampled_from(["min", "max", "count", "Max", '"min"']),
            st.sampled_from(anything),
            st.sampled_from(FILTERS),
        ),
        st.builds("{}({}){}".format, st.sampled_from(["bool_and", "bool_or"]), st.just("t"), st.sampled_from(FILTERS)),
        st.builds("{}({})".format, st.sampled_from(["bit_and", "bit_or", "bit_xor"]), st.sampled_from(integers)),
        st.builds("count(DISTINCT {}){}".format, st.sampled_from(anything), st.sampled_from(FILTERS)),
        st.builds("sum(distinct {}){}".format, st.sampled_from(numbers), st.sampled_from(FILTERS)),
        st.builds("count_if({})".format, st.sampled_from(["t", "i > 0"])),
    )


@st.composite
def queries(
    draw: Any, source: str, keys: Sequence[str], made_of: st.SearchStrategy[str], conditions: Sequence[str]
) -> str:
    """Make a query over *source*, which is called ``t``."""
    keys = draw(st.lists(st.sampled_from(keys), max_size=3, unique=True))
    made = draw(st.lists(made_of, min_size=0 if keys else 1, max_size=3, unique=True))
    written = [f"coalesce({made[0]}, {made[0]})", *made[1:]] if made and draw(st.booleans()) else made
    if keys:
        written += draw(st.lists(st.sampled_from(WINDOWS), max_size=1))
    by = draw(st.sampled_from(["number", "alias", "all", "text", "hidden", "rollup", "cube", "sets"])) if keys else ""
    shown = keys[1:] if by == "hidden" and (len(keys) > 1 or written) else keys
    names = [draw(st.sampled_from([f"g{n}", "i", "j", "k", "ts"])) for n in range(len(shown))]
    written = [f"{one} AS {draw(st.sampled_from(['b', 'i', 't']))}" if draw(st.booleans()) else one for one in written]
    items = [*(f"{key} AS {names[number]}" for number, key in enumerate(shown)), *written]
    if keys and not made and draw(st.booleans()):
        return f"SELECT DISTINCT {', '.join(keys)} FROM {source} LIMIT {draw(st.integers(0, 9))}"
    where = draw(st.lists(st.sampled_from(conditions), max_size=3))
    having = draw(st.sampled_from(["", "", " HAVING count(*) > 1", " HAVING max(i) > 5 OR min(k) IS NULL"]))
    # DuckDB takes neither QUALIFY nor windows with GROUP BY ALL.
    qualify = draw(st.sampled_from(["", "", " QUALIFY row_number() OVER (ORDER BY count(*)) < 3"]))
    qualify = qualify if keys and by != "all" else ""
    group = {
        "number": ", ".join(str(number + 1) for number in range(len(keys))),
        "alias": ", ".join(names),
        "all": "ALL",
        "text": ", ".join(keys),
        "hidden": ", ".join(keys),
        "rollup": f"ROLLUP ({', '.join(keys)})",
        "cube": ", ".join([*keys[1:], f"CUBE ({', '.join(keys[:1])})"]),
        "sets": f"GROUPING SETS (({', '.join(keys)}), ({', '.join(keys[1:])}), ())",
        "": "",
    }[by]
    if by == "all" and any(" OVER " in item for item in items):
        items = [item for item in items if " OVER " not in item]
    order = ["", " ORDER BY ALL", " ORDER BY ALL DESC NULLS LAST", " ORDER BY 1 DESC", " ORDER BY count(*), min(j)"]
    distinct = draw(st.sampled_from(["", "", "DISTINCT "]))
    return (
        f"SELECT {distinct}{', '.join(draw(st.permutations(items)) if by != 'number' else items)} FROM {source}"
        + (f" WHERE {' and '.join(where)}" if where else "")
        + (f" GROUP BY {group}" if group else "")
        + having
        + qualify
        + draw(st.sampled_from(order[:-1] if distinct else order))
        + draw(st.sampled_from(["", "", " LIMIT 2", " LIMIT 1 OFFSET 1"]))
    )
