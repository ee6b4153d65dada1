"""A grammar of aggregations over one table and what is joined to it, most of which fold."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from hypothesis import strategies as st

KEYS = (
    *("k", "t.k", "j", "date_trunc('day', ts)", "ts::DATE", "coalesce(k, 'none')", "j % 3", "t", "upper(k)"),
    *("h", "m", "u", "c", "z", "o", "i"),
)
NUMBERS = ("i", "b", "m", "w", "h", "i::BIGINT + j", "CASE WHEN t THEN i END", "m * 2", "abs(i::BIGINT)", "i / 2")
ANYTHING = ("i", "b", "m", "w", "h", "k", "ts", "ts::DATE", "t", "u", "c", "z", "o", "m * 2")
TYING = ("array_agg", "string_agg", "max_by", "arg")
"""Names of aggregates that, in the author's text, may depend on the order of the rows."""
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
_OF_JOINED = ("sum(d.rate)", "sum(t.i * rate)", "count(label)", "max(label) FILTER (WHERE rate > 0)", "min(k || label)")
BESIDE = {
    "dims": {"dj": "INTEGER", "dk": "VARCHAR", "label": "VARCHAR", "rate": "DECIMAL(5,2)", "day": "DATE"},
    "kinds": {"j": "INTEGER", "kind": "VARCHAR"},
}
"""The columns of tables that are joined to the one that is folded."""
_SEEN = (
    *("{} JOIN dims AS d ON d.dj = t.j", "{} LEFT JOIN dims AS d ON d.dj = t.j AND d.label <> t.k"),
    *("{} CROSS JOIN dims AS d", "{}, dims AS d", "dims AS d JOIN {} ON dk = k", "dims AS d RIGHT JOIN {} ON dk = k"),
    *(
        "{} LEFT JOIN (SELECT dj, label, max(rate) AS rate FROM dims GROUP BY dj, label) AS d ON dj = j",
        "dims AS d, {}",
    ),
    "{} JOIN (dims AS d JOIN dims AS other USING (dj)) ON d.dj = t.j",
)
_UNSEEN = (
    *("{} SEMI JOIN dims ON dj = j", "{} ANTI JOIN dims ON dk = k", "{} LEFT JOIN kinds USING (j)"),
    *("{} JOIN kinds USING (j)", "{} NATURAL JOIN kinds"),
)
_REFUSED = ("dims AS d LEFT JOIN {} ON dk = k", "{} FULL JOIN dims AS d ON dk = k", "{} RIGHT JOIN dims AS d ON dk = k")
JOINED_KEYS = ("label", "d.label", "coalesce(label, k)", "D.RATE", "upper(d.label)", "abs(rate)")
SUBQUERIES = (
    *(
        "j IN (SELECT dj FROM dims)",
        "t.k NOT IN (SELECT dk FROM dims WHERE dk IS NOT NULL)",
        "i > (SELECT count(*) FROM dims)",
    ),
    *("EXISTS (SELECT 1 FROM dims WHERE dk = k AND dj >= j)", "NOT EXISTS (SELECT 1 FROM dims WHERE dj = t.j)"),
    *("k IN (SELECT DISTINCT dk FROM dims GROUP BY dk HAVING count(*) > 1)", "t.j = ANY (SELECT dj FROM dims)"),
    "j IN (SELECT dj FROM dims WHERE rate > 1 UNION SELECT j FROM kinds)",
)


def beside(chance: Random) -> dict[str, list[dict[str, Any]]]:
    """Make rows of the tables that are joined: some keys have several, and some none."""
    dims = [
        {
            "dj": chance.choice([None, 0, 1, 1, 2, 3]),
            "dk": chance.choice([None, "a", "A", "b", "z"]),
            "label": chance.choice([None, "", "x", "y", "a"]),
            "rate": chance.choice([None, "0.00", "1.50", "-2.25"]),
            "day": chance.choice([None, "2024-01-01", "2023-12-30"]),
        }
        for _ in range(chance.choice([0, 3, 6]))
    ]
    kinds = [{"j": chance.choice([None, 0, 1, 2]), "kind": chance.choice([None, "p", "q"])} for _ in range(4)]
    return {"dims": dims, "kinds": kinds}


_BELOW = (
    ("", "(SELECT * FROM {source} WHERE i > 0 AND k <> 'z') AS t"),
    ("WITH low AS (SELECT * FROM {source} WHERE ts >= TIMESTAMP '2024-01-02') ", "low AS t"),
    ("WITH low AS (SELECT *, i AS more FROM {source}), lower AS (SELECT * FROM low WHERE more > 0) ", "lower AS t"),
)
_INNER = (
    "SELECT k AS g, j AS h, count(*) AS n, sum({number}) AS s, avg(i) AS m FROM {source} GROUP BY k, j",
    "SELECT k AS g, t AS h, count({number}) AS n, min({number}) AS s, avg(j) AS m FROM {source} "
    "WHERE i > 1 GROUP BY ALL",
    "SELECT upper(k) AS g, j AS h, count(*) AS n, max(b) AS s, -avg(i) AS m FROM {source} "
    "GROUP BY 1, 2 ORDER BY n LIMIT 3",
    "SELECT dk AS g, rate AS h, count(*) AS n, sum(rate) AS s, avg(rate) AS m FROM {source} "
    "LEFT JOIN dims ON dj = j GROUP BY ROLLUP (dk, rate)",
)
_OUTER = (
    *("SELECT * FROM {inner} ORDER BY n", "SELECT o.g, s + n AS x FROM {inner} WHERE n > 1 ORDER BY 2 DESC LIMIT 2"),
    *(
        "SELECT g, max(s) AS x, count(DISTINCT h) AS y, sum(n) AS z FROM {inner} GROUP BY g",
        "SELECT max(n) AS x FROM {inner}",
    ),
    *("SELECT g, -m AS minus, m * 0 AS zero FROM {inner}", "SELECT DISTINCT h, n FROM {inner} LIMIT 2"),
    "SELECT g, rank() OVER (ORDER BY m) AS r, row_number() OVER (PARTITION BY h) AS w FROM {inner}",
    "SELECT g, sum(n) OVER (ORDER BY n ROWS 1 PRECEDING) AS w, lag(s) OVER (ORDER BY m) AS l FROM {inner} LIMIT 3",
    "SELECT sum(n) AS x FROM (SELECT n FROM {inner} ORDER BY n DESC LIMIT 2)",
    "SELECT o.g, kind FROM {inner} JOIN (VALUES (1, 'x'), (2, 'y')) AS v(n, kind) ON v.n = o.n",
    "SELECT h, sum(m) AS x FROM {inner} GROUP BY h",
    "SELECT g, h, avg(n) AS x, bool_or(n > 1) AS y FROM {inner} GROUP BY CUBE (g, h) HAVING count(*) > 0 ORDER BY x",
)
_OUTER_OF_CTE = (
    "SELECT o.g, p.n, n_of.x FROM {inner} LEFT JOIN o AS p ON o.n < p.n, (SELECT sum(n) AS x FROM o) AS n_of",
    "SELECT g, n / (SELECT sum(n) FROM o) AS share FROM {inner} WHERE n > (SELECT min(n) FROM o) ORDER BY share",
)
_ARMS = (
    *_INNER,
    "SELECT g, h, n, s, m FROM (SELECT k AS g, j AS h, count(*) AS n, avg(b) AS s, -avg(i) AS m FROM {source} "
    "GROUP BY ALL) AS y WHERE n > 1",
    "SELECT dk AS g, dj AS h, count(*) AS n, max(rate) AS s, avg(dj) AS m FROM dims GROUP BY dk, dj",
    *(
        "SELECT 'none' AS g, NULL AS h, 0 AS n, -0.5 AS s, -0.0 AS m",
        "SELECT o.k AS g, 1 AS h, n, n AS s, 0.0 AS m FROM ({counted}) AS o",
    ),
)
"""Aggregations of the same columns, whose types differ; and constants."""
_EXACT_ARMS = (
    *("SELECT k AS g, count(*) AS n FROM {source} GROUP BY k", "SELECT DISTINCT upper(k) AS g, i AS n FROM {source}"),
    *("SELECT dk AS g, max(dj) AS n FROM dims GROUP BY dk", "SELECT NULL AS g, 1 AS n"),
    "SELECT k AS g, max({number}) AS n FROM {source} WHERE j = 1 GROUP BY k",
    "SELECT g, n FROM (SELECT k AS g, j, count(*) AS n FROM {source} GROUP BY k, j) AS y WHERE n > 1",
)
_COUNTED = "SELECT k, count(*) AS n FROM {source} WHERE ts < TIMESTAMP '2024-01-01 12:00:00' GROUP BY k"
_JOINING = ("UNION", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL", "UNION DISTINCT")
_ENDS = (
    *("", "", " ORDER BY n", " ORDER BY 2 DESC NULLS LAST, G", " ORDER BY ALL", " LIMIT 3"),
    *(" ORDER BY n DESC LIMIT 2 OFFSET 1", ' ORDER BY "n" LIMIT 1'),
)
_EXACT_OUTER = (
    *("SELECT * FROM {inner} ORDER BY n LIMIT 3", "SELECT g, count(*) AS c, sum(n) AS s FROM {inner} GROUP BY g"),
    *("SELECT DISTINCT n FROM {inner}", "SELECT n, row_number() OVER (ORDER BY g) AS r FROM {inner}"),
)
_OF_SEVERAL = (
    "SELECT a.k, a.n, b.n AS m FROM ({counted}) AS a {join} ({other}) AS b ON a.k = b.k",
    "SELECT k, n, n * 100 // (SELECT count(*) FROM {source}) AS part FROM ({other}) AS a",
    "SELECT k, n FROM ({counted}) AS a WHERE n > (SELECT max(j) FROM {source}) OR k IN (SELECT k FROM ({other}) AS b)",
    "SELECT k, (SELECT count(*) FROM {source} WHERE t.k = a.k) AS of_it FROM ({counted}) AS a",
)


@st.composite
def united_queries(draw: Any, sources: Sequence[str], numbers: Sequence[str]) -> str:
    """Make a query of several aggregations, each over one of the *sources*, which are called ``t``."""
    before, under = draw(st.sampled_from([("", "{source}"), ("", "{source}"), *_BELOW]))
    before = before.format(source=sources[0])

    def filled(template: str) -> str:
        source = under.format(source=sources[0] if before else draw(st.sampled_from(sources)))
        counted, other = (_COUNTED.format(source=source), f"SELECT k, max(j) AS n FROM {source} GROUP BY k")
        number, join = draw(st.sampled_from(numbers)), draw(st.sampled_from(["JOIN", "LEFT JOIN", "FULL JOIN"]))
        return template.format(source=source, number=number, counted=counted, other=other, join=join)

    if draw(st.integers(0, 5)) == 0:
        return before + filled(draw(st.sampled_from(_OF_SEVERAL)))
    exact = draw(st.booleans())
    arms = [
        filled(arm) for arm in draw(st.lists(st.sampled_from(_EXACT_ARMS if exact else _ARMS), min_size=2, max_size=3))
    ]
    made = arms[0] if " LIMIT " not in arms[0] and draw(st.booleans()) else f"({arms[0]})"
    for arm in arms[1:]:
        joining = draw(st.sampled_from(_JOINING)) if exact and draw(st.booleans()) else "UNION ALL"
        made += f" {joining} " + (arm if " LIMIT " not in arm and draw(st.booleans()) else f"({arm})")
    made += draw(st.sampled_from(_ENDS))
    outer = draw(st.sampled_from(["", *(_EXACT_OUTER if exact else _OUTER)]))
    if not outer:
        return before + made
    if draw(st.booleans()):
        return f"{before + ', ' if before else 'WITH '}o AS ({made}) {outer.format(inner='o')}"
    return before + outer.format(inner=f"({made}) AS o")


@st.composite
def nested_queries(draw: Any, source: str, numbers: Sequence[str]) -> str:
    """Make a query whose aggregation over *source* stands below others, or above."""
    before, under = draw(st.sampled_from([("", "{source}"), *_BELOW]))
    inner = draw(st.sampled_from(_INNER)).format(
        source=under.format(source=source), number=draw(st.sampled_from(numbers))
    )
    before = before.format(source=source)
    if draw(st.booleans()):
        outer = draw(st.sampled_from([*_OUTER, *_OUTER_OF_CTE])).format(inner="o")
        return f"{before + ', ' if before else 'WITH '}o AS ({inner}) {outer}"
    outer = draw(st.sampled_from(["{inner}", *_OUTER]))
    return before + (inner if outer == "{inner}" else outer.format(inner=f"({inner}) AS o"))


@st.composite
def joined_queries(
    draw: Any, source: str, keys: Sequence[str], made_of: st.SearchStrategy[str], conditions: Sequence[str]
) -> str:
    """Make a query over *source*, which is called ``t``, alone or joined to others."""
    template = draw(st.one_of(st.just("{}"), st.sampled_from([*_SEEN, *_UNSEEN, *_REFUSED])))
    more = template in _SEEN or template in _REFUSED
    conditions = [*conditions, *SUBQUERIES]
    if more:
        keys, conditions = [*keys, *JOINED_KEYS], [*conditions, "rate > 0", "label IS NULL", "(d.label = t.k OR i > 3)"]
        made_of = st.one_of(made_of, st.sampled_from(_OF_JOINED))
    return str(draw(queries(template.format(source), keys, made_of, conditions)))


def lists(anything: Sequence[str]) -> st.SearchStrategy[str]:
    """Make lists of values in an order: those of ``TYING`` may leave it open, those of other names do not."""
    value, filters = st.sampled_from(anything), st.sampled_from(FILTERS)
    how = st.sampled_from(["", " DESC", " ASC NULLS FIRST", " desc NULLS LAST"])
    return st.one_of(
        st.builds("array_agg({} ORDER BY {}{}){}".format, value, value, how, filters),
        st.builds("string_agg({}, '; ' ORDER BY {}{}){}".format, value, value, how, filters),
        st.builds("listagg({0} ORDER BY {1}{2}, {0}{2}){3}".format, value, value, how, filters),
        st.builds("list({0} ORDER BY {0}{1}, {2}){3}".format, value, how, value, filters),
        st.builds("list(DISTINCT {0} ORDER BY {0}{1}){2}".format, value, how, filters),
        st.builds("group_concat(DISTINCT {0}, '-' ORDER BY {0}{1})[:9]".format, st.just("k"), how),
        st.builds("list({}){}".format, value, filters),
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
        st.builds(
            "{}({}, {}){}".format,
            st.sampled_from(["arg_max", "arg_min", "max_by", "argmin"]),
            st.sampled_from(anything),
            st.sampled_from(anything),
            st.sampled_from(FILTERS),
        ),
        lists(anything),
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
    by = (
        draw(st.sampled_from(["number", "alias", "all", "text", "hidden", "rollup", "cube", "sets"]))
        if keys
        else draw(st.sampled_from(["", "", "", "empty"]))
    )
    shown = keys[1:] if by == "hidden" and (len(keys) > 1 or written) else keys
    names = [draw(st.sampled_from([f"g{n}", "i", "j", "k", "ts"])) for n in range(len(shown))]
    written = [f"{one} AS {draw(st.sampled_from(['b', 'i', 't']))}" if draw(st.booleans()) else one for one in written]
    items = [*(f"{key} AS {names[number]}" for number, key in enumerate(shown)), *written]
    if keys and not made and draw(st.booleans()):
        return f"SELECT DISTINCT {', '.join(keys)} FROM {source} LIMIT {draw(st.integers(0, 9))}"
    where = draw(st.lists(st.sampled_from(conditions), max_size=3))
    of_keys = [f" HAVING {key} IS NOT NULL" for key in (*names[:1], *shown[:1])]
    having = draw(st.sampled_from(["", "", " HAVING count(*) > 1", " HAVING max(i) > 5 OR min(k) IS NULL", *of_keys]))
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
        "empty": "GROUPING SETS ((), ())",
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
