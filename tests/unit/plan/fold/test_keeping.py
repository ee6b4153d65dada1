"""Which queries keep the rows of a table, and which of them keep their order too."""

from __future__ import annotations

import pytest

from gateway.model import Column
from gateway.plan.fold.keeping import keepings

TYPES = {"a": "BIGINT", "k": "VARCHAR", "l": "BIGINT[]"}
FACTS = ("f", tuple(Column(name=name, type=kind) for name, kind in TYPES.items()))
DIMS = ("d", tuple(Column(name=name, type="VARCHAR") for name in ("k", "name")))
ALONE, JOINED = (0, True), (0, False)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT * FROM f", [ALONE]),
        ("FROM f SELECT a WHERE a > $n", [ALONE]),
        ("SELECT * FROM f WHERE a IN (1, 2, 3, 4)", [ALONE]),
        ("SELECT * FROM f WHERE a IN (1, 2, 3, 4, 5)", [JOINED]),
        ("WITH g AS (SELECT a IN (1, 2, 3, 4, 5) AS x FROM f) SELECT * FROM g", [JOINED]),
        ("SELECT * FROM f WHERE a = ANY([1, 2])", [JOINED]),
        ("SELECT a * 2 AS b FROM f WHERE a IN (1, 2) AND k LIKE 'x%' -- ends", [ALONE]),
        ("WITH x AS (SELECT a, k FROM f WHERE a > 0) SELECT upper(k) AS k FROM x WHERE a < $n", [ALONE]),
        ("SELECT f.a, d.name FROM f LEFT JOIN d USING (k)", [JOINED]),
        ("SELECT f.a, d.name FROM d RIGHT JOIN f USING (k)", [(1, False)]),
        ("SELECT f.a, d.name FROM f, d WHERE f.k = d.k", [JOINED, (1, False)]),
        ("SELECT a FROM f WHERE k IN (SELECT k FROM d)", [JOINED]),
        ("SELECT a FROM f WHERE NOT EXISTS (SELECT 1 FROM d WHERE d.k = f.k)", [JOINED]),
        ("SELECT a FROM f ANTI JOIN d USING (k)", [JOINED]),
        ("SELECT f.a, d.name FROM f FULL JOIN d USING (k)", []),
        ("SELECT a FROM f ORDER BY a", []),
        ("SELECT a FROM (SELECT a FROM f ORDER BY a LIMIT 3)", []),
        ("SELECT a FROM f LIMIT 10", []),
        ("SELECT a FROM f USING SAMPLE 10%", []),
        ("SELECT DISTINCT a FROM f", []),
        ("SELECT k, count(*) AS n FROM f GROUP BY k", []),
        ("SELECT max(a) AS a FROM f", []),
        ("SELECT a, row_number() OVER () AS n FROM f", []),
        ("SELECT a FROM f QUALIFY row_number() OVER (PARTITION BY k) = 1", []),
        ("SELECT a, random() AS r FROM f", []),
        ("SELECT a, unnest(l) AS x FROM f", []),
        ("SELECT a FROM f UNION ALL SELECT a FROM f", []),
        ("SELECT a FROM f WHERE a > (SELECT avg(a) FROM f)", []),
        ("SELECT x.a FROM f AS x JOIN f AS y USING (k)", []),
        ("SELECT 1 AS one", []),
    ],
)
def test_a_query_keeps_the_rows_of(sql: str, expected: list[tuple[int, bool]]) -> None:
    found = keepings(sql, (DIMS, FACTS), (("n", "BIGINT"),))
    assert [(each.scan, each.alone) for each in found] == expected
