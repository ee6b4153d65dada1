"""Commas that may be missing: every name that is given without AS and is a name itself, whatever stands before it."""

from __future__ import annotations

import pytest

from gateway.query.commas import missing_commas

COLUMNS, TABLES = {"id", "country", "by", "from"}, {"orders", "lines"}


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT country id FROM orders", ["id"]),
        ("SELECT by id FROM orders", ["id"]),
        ('SELECT "from" id FROM orders', ["id"]),
        ('SELECT country "ID" FROM orders', ["id"]),
        ("SELECT orders.country -- a comment\n id FROM orders", ["id"]),
        ("SELECT country FROM orders lines", ["lines"]),
        ("SELECT country FROM orders JOIN orders lines USING (id) WHERE id = 1", ["lines"]),
        ("SELECT country, id FROM orders ORDER BY country, id", []),
        ("SELECT country AS id FROM orders WHERE id = 1 AND country = 'x' OR NOT country IN ('y')", []),
        ("SELECT DISTINCT country, CASE WHEN id = 1 THEN country ELSE country END AS x FROM orders", []),
    ],
)
def test_a_name_that_is_given_without_as_is_remarked_where_it_is_a_name_itself(sql: str, named: list[str]) -> None:
    remarks = [sql[error.offset :].strip('"').lower() for error in missing_commas(sql, COLUMNS, TABLES)]
    assert len(remarks) == len(named)
    assert all(text.startswith(name) for text, name in zip(remarks, named, strict=True))
