"""Every query answers the same from S3 as from a folder, in every format, and the same as plain DuckDB."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime
from itertools import cycle, product
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.ipc
import pytest
import yaml
from thorough import first

pytestmark = [pytest.mark.s3, pytest.mark.gunicorn]

QUERIES = Path(__file__).parents[2] / "queries"
TYPES = {"timestamp": "TIMESTAMP", "date": "DATE", "varchar": "VARCHAR", "integer": "BIGINT"}
Row = tuple[Any, ...]


def templates() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """List every query with its version and each of its examples."""
    for path in sorted(QUERIES.rglob("v*.sql")):
        name = ".".join(path.parent.relative_to(QUERIES).parts)
        for parameters in read_template(path)[0]["examples"]:
            yield name, path.stem, parameters


def read_template(path: Path) -> tuple[dict[str, Any], str]:
    front, sql = path.read_text(encoding="utf-8").removeprefix("/*").split("*/", 1)
    return yaml.safe_load(front), sql


EXAMPLES = list(templates())
IDS = [f"{name}-{version}-{'-'.join(map(str, parameters.values()))}" for name, version, parameters in EXAMPLES]


def plain_answer(
    connection: duckdb.DuckDBPyConnection, name: str, version: str, given: dict[str, Any]
) -> tuple[list[str], list[Row]]:
    front, sql = read_template(QUERIES / name.replace(".", "/") / f"{version}.sql")
    values = {
        parameter: duckdb.Value(given.get(parameter, declared.get("default")), duckdb_type(declared["type"]))
        for parameter, declared in front["parameters"].items()
    }
    cursor = connection.execute(sql, values)
    return [column[0] for column in cursor.description], cursor.fetchall()


def duckdb_type(declared: str) -> str:
    item = declared.removeprefix("list[").removesuffix("]")
    return TYPES[item] + ("[]" if item != declared else "")


def read_json(body: bytes) -> list[Row]:
    return [tuple(row.values()) for row in json.loads(body)["data"]]


def read_ndjson(body: bytes) -> list[Row]:
    return [tuple(json.loads(line).values()) for line in body.splitlines()]


def read_csv(body: bytes) -> list[Row]:
    return [tuple(row) for row in csv.reader(io.StringIO(body.decode()))][1:]


def read_arrow(body: bytes) -> list[Row]:
    table = pa.ipc.open_stream(body).read_all()
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def read_parquet(body: bytes) -> list[Row]:
    with closing(duckdb.connect()) as connection:
        return connection.read_parquet(io.BytesIO(body)).fetchall()


READERS: dict[str, Callable[[bytes], list[Row]]] = {
    "json": read_json,
    "ndjson": read_ndjson,
    "csv": read_csv,
    "arrow": read_arrow,
    "parquet": read_parquet,
}


def same(ours: Any, theirs: Any) -> bool:
    """Compare a value as a format holds it (CSV: text, JSON: text for times) with the value itself."""
    if theirs is None:
        return ours is None or ours == ""
    if isinstance(theirs, float):
        return math.isclose(float(ours), theirs, rel_tol=1e-9)
    if isinstance(theirs, datetime) and isinstance(ours, str):
        return datetime.fromisoformat(ours) == theirs
    if isinstance(theirs, date) and isinstance(ours, str):
        return date.fromisoformat(ours) == theirs
    if isinstance(theirs, int) and isinstance(ours, str):
        return int(ours) == theirs
    return bool(ours == theirs)


def in_order(rows: list[Row], name: str, version: str) -> list[Row]:
    """Sort the rows of a query that leaves their order open, by how they are written."""
    if "ORDER BY" in read_template(QUERIES / name.replace(".", "/") / f"{version}.sql")[1]:
        return rows
    return sorted(rows, key=lambda row: [written(value) for value in row])


def written(value: Any) -> str:
    return "" if value is None else value.isoformat() if isinstance(value, date) else str(value)


QUESTIONS = dict(zip(IDS, EXAMPLES, strict=True))
USUAL = [*zip(QUESTIONS, cycle(READERS))]
OTHERS = [pair for pair in product(QUESTIONS, READERS) if pair not in USUAL]


@pytest.mark.parametrize(("question", "form"), first(len(USUAL), [*USUAL, *OTHERS]))
def test_an_answer_is_the_same_from_s3_from_a_folder_and_from_plain_duckdb(
    question: str,
    form: str,
    s3_gateway: Any,
    local_gateway: Any,
    reference: duckdb.DuckDBPyConnection,
) -> None:
    name, version, parameters = QUESTIONS[question]
    expected = in_order(plain_answer(reference, name, version, parameters)[1], name, version)
    for gateway in (s3_gateway, local_gateway):
        reply = gateway.get(f"/v1/queries/{name}/{version}/result.{form}", parameters)
        assert reply.status == 200, reply.body
        rows = in_order(READERS[form](reply.body), name, version)
        assert len(rows) == len(expected)
        assert all(
            same(mine, theirs)
            for row, other in zip(rows, expected, strict=True)
            for mine, theirs in zip(row, other, strict=True)
        )


def test_a_query_over_s3_lists_nothing(s3_gateway: Any, s3: Any) -> None:
    before = s3.requests()
    reply = s3_gateway.get("/v1/queries/hourly_traffic/v1/result", {"day": "2013-05-05"})
    assert reply.status == 200
    assert (s3.requests() - before)["LIST"] == 0


def test_credentials_stand_in_no_answer_and_no_log(s3_gateway: Any, s3: Any) -> None:
    paths = ["/v1/tables/flights", "/v1/queries/hourly_traffic/v1/explain?day=2013-05-05", "/readyz", "/metrics"]
    bodies = [s3_gateway.get(path).body for path in paths]
    for secret in (s3.secret_key.encode(), s3.access_key.encode()):
        assert all(secret not in body for body in (*bodies, s3_gateway.log.read_bytes()))
