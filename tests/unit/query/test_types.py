from __future__ import annotations

import pytest

from gateway.query.types import parse_type


@pytest.mark.parametrize(
    ("declared", "sql"),
    [
        ("boolean", "BOOLEAN"),
        ("int", "INTEGER"),
        ("UBIGINT", "UBIGINT"),
        ("hugeint", "HUGEINT"),
        ("decimal", "DECIMAL(18,3)"),
        ("decimal(10)", "DECIMAL(10,0)"),
        ("decimal( 10 , 2 )", "DECIMAL(10,2)"),
        ("timestamptz", "TIMESTAMP WITH TIME ZONE"),
        ("timestamp  with time zone", "TIMESTAMP WITH TIME ZONE"),
        ("list[date]", "DATE[]"),
        ("list[decimal(4,1)]", "DECIMAL(4,1)[]"),
        ("varchar[]", "VARCHAR[]"),
    ],
)
def test_a_declared_type_has_a_type_of_the_engine(declared: str, sql: str) -> None:
    assert parse_type(declared).sql == sql


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("timestmp", "did you mean 'timestamp'?"),
        ("strng", "did you mean 'varchar'?"),
        ("list[string]", "did you mean 'varchar'?"),
        ("datetime", "did you mean 'timestamp'?"),
        ("Int64", "did you mean 'bigint'?"),
        ("float", "expected one of"),
        ("decimal(39,2)", "1 to 38 digits"),
        ("decimal(2,3)", "cannot have 3"),
        ("list[list[date]]", "a list of lists"),
        ("list[]", "unknown type"),
        (5, "unknown type"),
    ],
)
def test_an_unknown_type_is_refused_with_what_would_be_right(declared: object, message: str) -> None:
    with pytest.raises(ValueError, match=r"type|decimal|list") as caught:
        parse_type(declared)
    assert message in str(caught.value)
