"""Which cursors of an instance are used again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.engine.duckdb import DuckDBEngine
from gateway.engine.instance import DuckDBSettings
from gateway.errors import QueryFailed
from gateway.model import Relation, Statement

NUMBER = "current_connection_id()"
ROWS = Relation(name="__rows", rows=pa.table({"n": [1]}))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDBEngine]:
    with closing(
        DuckDBEngine.open(DuckDBSettings(locations=[str(tmp_path)], temp_directory=f"{tmp_path}.spill"))
    ) as it:
        yield it


def number(engine: DuckDBEngine, source: str = "", relations: tuple[Relation, ...] = ()) -> int:
    """Run a statement; return the number of the connection that it ran on."""
    statement = Statement(sql=f"SELECT {NUMBER} AS n {source}", parameters={}, files=(), relations=relations)
    found: int = pa.Table.from_batches(engine.execute(statement))["n"][0].as_py()
    return found


def test_the_cursor_of_a_query_that_has_ended_is_used_again(engine: DuckDBEngine) -> None:
    assert number(engine) == number(engine) == engine.evaluate([NUMBER], {})[0] == number(engine)


def test_queries_that_run_at_once_have_cursors_of_their_own(engine: DuckDBEngine) -> None:
    first = number(engine)
    stream = engine.execute(Statement(sql="SELECT * FROM range(200000)", parameters={}, files=()))
    assert number(engine) != first
    stream.close()


def test_the_cursor_of_a_query_that_failed_or_was_left_is_not_used_again(engine: DuckDBEngine) -> None:
    first = number(engine)
    with pytest.raises(QueryFailed):
        number(engine, "WHERE error('no') IS NULL")
    second = number(engine)
    engine.execute(Statement(sql="SELECT * FROM range(200000)", parameters={}, files=())).close()
    assert number(engine) not in (first, second)
    with pytest.raises(QueryFailed):
        engine.evaluate(["error('no')"], {})
    assert number(engine) not in (first, second)


def test_rows_that_were_given_with_a_query_are_not_kept_for_the_next(engine: DuckDBEngine) -> None:
    first = number(engine, "FROM __rows", (ROWS,))
    assert number(engine) == first
    with pytest.raises(QueryFailed):
        number(engine, "FROM __rows")
    assert engine.columns(Statement(sql="SELECT n FROM __rows", parameters={}, files=(), relations=(ROWS,)))
    with pytest.raises(QueryFailed):
        number(engine, "FROM __rows")
