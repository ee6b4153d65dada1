"""What one process writes, the other reads: the same values of the same types, the same errors."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.errors import DeadlineExceeded, EngineFailed, Fate, FilesChanged, GatewayError, StorageFailed, ValueMisfit
from gateway.model import Column, FileVersion, Statement, TypedValue
from gateway.processes import wire


def told(written: Any) -> Any:
    return orjson.loads(orjson.dumps(written))


def test_a_statement_comes_as_it_was_sent() -> None:
    files = [
        FileVersion(path="s3://b/a b.parquet", size=3, etag='"x"'),
        FileVersion(path="/a", size=1, etag="", modified=5),
    ]
    parameters = {"p": TypedValue(value=[1, None], type="BIGINT[]"), "q": TypedValue(value=None, type="DATE")}
    sent = Statement(sql="SELECT $p, $q", parameters=parameters, files=files)
    assert wire.statement_from_json(told(wire.statement_to_json(sent))) == sent


def test_columns_come_as_they_were_sent() -> None:
    columns = (Column(name="a", type="STRUCT(x INTEGER)"), Column(name="a", type="DECIMAL(3,1)"))
    assert wire.columns_from_json(told(wire.columns_to_json(columns))) == columns


@pytest.mark.parametrize(
    "error",
    [
        FilesChanged("Replaced."),
        StorageFailed("Busy.", passing=True, path="s3://b/a"),
        DeadlineExceeded("Late.", path="s3://b/a", retry_after=1.0),
        EngineFailed("Too much.", memory=True),
        EngineFailed("Gone.", lost=Fate.SUSPECT),
        ValueMisfit("No date.", path="a.parquet", column="day"),
    ],
    ids=lambda error: error.code,
)
def test_an_error_comes_with_all_that_it_tells(error: GatewayError) -> None:
    found = wire.error_from_json(told(wire.error_to_json(error)))
    assert type(found) is type(error)
    assert vars(found) == vars(error)
