"""Templates that take all the time or memory there is, each of which passes ``gateway check``.

The parameter ``k`` makes a question a new one, and says in most of them how much is to be made. Every one of them is
allowed ``ALLOWED`` seconds by its own front matter, so that the limit of their neighbours can be a long one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from neighbours import template

ALLOWED = 2
"""Seconds that a bomb may run."""
HUGE = 2_000_000_000
"""Elements of a list, or characters of a text."""
_FRONT = f"parameters: {{k: {{type: bigint}}}}\ncache: off\ntimeout: {ALLOWED}s"
_NUMBERS = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bomb:
    """One template; ``deaf`` where DuckDB 1.5.5 does not look for an interrupt while it runs."""

    name: str
    sql: str
    deaf: bool

    @property
    def text(self) -> str:
        return template(_FRONT, self.sql)


def _deaf(name: str, sql: str) -> Bomb:
    return Bomb(name=name, sql=sql, deaf=True)


def _hears(name: str, sql: str) -> Bomb:
    return Bomb(name=name, sql=sql, deaf=False)


BOMBS: tuple[Bomb, ...] = (
    _deaf("unnested_range", "SELECT sum(i) AS n FROM (SELECT unnest(range($k)) AS i)"),
    _deaf("scalar_range", "SELECT len(range($k)) AS n"),
    _deaf("scalar_series", "SELECT len(generate_series(1, $k)) AS n"),
    _deaf(
        "minute_spine",
        "SELECT count(*) AS n FROM (SELECT unnest(generate_series("
        "TIMESTAMP '0001-01-01', TIMESTAMP '9999-12-31', INTERVAL 1 MINUTE)) AS t) WHERE epoch(t) % 7 = $k % 7",
    ),
    _deaf("lpad", "SELECT length(lpad('x', $k::INTEGER, 'y')) AS n"),
    _deaf("rpad", "SELECT length(rpad('x', $k::INTEGER, 'y')) AS n"),
    _deaf("repeated_text", "SELECT length(repeat('x', $k)) AS n"),
    _deaf("repeated_list", "SELECT len(repeat([1, 2, 3], $k)) AS n"),
    _deaf(
        "nested_replace",
        "SELECT length(replace(replace(repeat('x', 30000), 'x', repeat('y', 30000)), 'y', "
        "repeat('z', ($k // 100000)::INTEGER))) AS n",
    ),
    _deaf("huge_list", "SELECT list_sum(list_transform(range($k // 10), lambda x: x * x % 7)) AS n"),
    _deaf("list_sort", "SELECT list_sort(list_transform(range($k // 20), lambda x: hash(x)))[1] AS n"),
    _deaf("list_distinct", "SELECT len(list_distinct(list_transform(range($k // 20), lambda x: hash(x)))) AS n"),
    _deaf(
        "list_reduce",
        "SELECT length(list_reduce(list_transform(range($k // 2000), lambda x: x::VARCHAR), lambda x, y: x || y)) AS n",
    ),
    _deaf("flatten", "SELECT len(flatten(list_transform(range(100000), lambda x: range($k // 100000)))) AS n"),
    _deaf("list_zip", "SELECT len(list_zip(range($k // 10), range($k // 10))) AS n"),
    _deaf("map", "SELECT cardinality(map(range($k // 20), range($k // 20))) AS n"),
    _deaf("json", "SELECT json_array_length(to_json(range($k // 10))) AS n"),
    _deaf("joined_list", "SELECT length(array_to_string(range($k // 10), ',')) AS n"),
    _deaf("bitstring", "SELECT bit_length(bitstring('1', $k::INTEGER)) AS n"),
    _deaf("format", "SELECT length(format('{:>' || $k::VARCHAR || '}', 'x')) AS n"),
    _deaf("printf", "SELECT length(printf('%' || $k::VARCHAR || 'd', 7)) AS n"),
    _deaf(
        "regexp_replace",
        "SELECT length(regexp_replace(repeat('a', 20000), '', repeat('b', ($k // 40000)::INTEGER), 'g')) AS n",
    ),
    _deaf("regexp_split", "SELECT len(regexp_split_to_array(repeat('a,', ($k // 50)::INTEGER), '[,;]')) AS n"),
    _deaf("string_split", "SELECT len(string_split(repeat('a,', ($k // 20)::INTEGER), ',')) AS n"),
    _deaf(
        "levenshtein",
        "SELECT levenshtein(repeat('ab', ($k // 20000)::INTEGER), repeat('ba', ($k // 20000)::INTEGER)) AS n",
    ),
    _deaf(
        "damerau_levenshtein",
        "SELECT damerau_levenshtein(repeat('ab', ($k // 40000)::INTEGER), repeat('ba', ($k // 40000)::INTEGER)) AS n",
    ),
    _deaf("wide_rows", "SELECT repeat('x', ($k // 2000)::INTEGER) || i AS t FROM range(1000000) AS r(i)"),
    _hears(
        "cross_join",
        "SELECT sum(hash(a.id * b.id * c.id + $k) % 7) AS n FROM rows AS a, rows AS b, rows AS c, rows AS d",
    ),
    _hears(
        "endless_recursion",
        "WITH RECURSIVE t(i) AS (SELECT $k UNION ALL SELECT i + 1 FROM t) SELECT count(*) AS n FROM t",
    ),
    _hears(
        "growing_recursion",
        "WITH RECURSIVE t(s) AS (SELECT $k::VARCHAR UNION ALL SELECT s || s FROM t) SELECT max(length(s)) AS n FROM t",
    ),
    _hears(
        "sort",
        "SELECT h, m FROM (SELECT hash(i + $k) AS h, md5(i::VARCHAR) AS m FROM range(1000000000) AS r(i)) "
        "ORDER BY h, m OFFSET 999999999",
    ),
    _hears(
        "window",
        "SELECT max(w) AS n FROM (SELECT sum(i) OVER (PARTITION BY i % 7 ORDER BY hash(i + $k)) AS w "
        "FROM range(1000000000) AS r(i))",
    ),
    _hears("distinct", "SELECT count(DISTINCT md5((i + $k)::VARCHAR)) AS n FROM range(1000000000) AS r(i)"),
    _hears("string_agg", "SELECT length(string_agg(i::VARCHAR, ',')) AS n FROM range($k) AS r(i)"),
    _hears(
        "list_of_structs", "SELECT len(list({'a': i, 'b': [i, i], 'c': md5(i::VARCHAR)})) AS n FROM range($k) AS r(i)"
    ),
    _hears("histogram", "SELECT cardinality(histogram(i)) AS n FROM range($k) AS r(i)"),
)
HUGE_VALUE = Bomb(name="huge_value", sql="SELECT repeat('x', ($k // 10)::INTEGER) AS t", deaf=False)
"""One row of 200 MB, which may be answered."""
BY_NAME = {bomb.name: bomb for bomb in BOMBS}


def size() -> int:
    """Choose a ``k`` that was not chosen before, near ``HUGE``."""
    return HUGE - next(_NUMBERS)
