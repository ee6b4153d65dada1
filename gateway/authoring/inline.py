"""A temporary project for a test, with inline rows in place of declared tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import yaml

from gateway.app.gateway import open_gateway
from gateway.authoring.testfile import InlineTable, TestFile
from gateway.catalog.file_names import PARQUET
from gateway.catalog.store import root_of
from gateway.catalog.table import Table
from gateway.errors import InputInvalid
from gateway.pipeline import Gateway
from gateway.query.coerce import format_value
from gateway.settings import Settings
from gateway.telemetry.events import unobserved
from gateway.writer import Files, InputFormat, write


@contextmanager
def opened_with(
    settings: Settings, tables: Mapping[str, Table], file: TestFile, inline: Mapping[str, InlineTable]
) -> Iterator[Gateway]:
    """Open a gateway over the template of *file*, with *inline* rows in place of tables, written as Parquet.

    Tables without such rows are read where they are. Raises ``InputInvalid`` for rows that do not fit.
    """
    with TemporaryDirectory(prefix="gateway-test-") as folder:
        project = Path(folder)
        copytree((settings.project / file.path).parent, (project / file.path).parent)
        (project / "catalog").mkdir()
        for name in file.template.tables:
            table = _standing_in(tables[name], inline[name]) if name in inline else _absolute(tables[name], settings)
            (project / "catalog" / f"{name}.yaml").write_text(_declaration(table), encoding="utf-8")
            if name in inline:
                _write(table, inline[name], project)
        # Nothing of what the deployment keeps is touched.
        changed = settings.model_copy(update={"project": project, "state": project / ".gateway"})
        with open_gateway(changed, observe=unobserved, background=False) as gateway:
            yield gateway


def _standing_in(table: Table, given: InlineTable) -> Table:
    columns = given.columns or table.columns
    if columns is None:
        raise InputInvalid(f"The columns of {table.name} are not declared: give them under columns, with their types.")
    return table.model_copy(
        update={
            "location": f"data/{table.name}",
            "files": PARQUET,
            "columns": columns,
            "replicas": (),
            "statistics": False,
        }
    )


def _absolute(table: Table, settings: Settings) -> Table:
    if "://" in table.location:
        return table
    return table.model_copy(update={"location": f"file://{root_of(table.location, settings.project).rstrip('/')}"})


def _declaration(table: Table) -> str:
    document = table.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    # JSON is YAML, and quotes what YAML would read otherwise.
    return yaml.safe_dump(orjson.loads(orjson.dumps(document)), sort_keys=False)


def _write(table: Table, given: InlineTable, project: Path) -> None:
    (project / table.location).mkdir(parents=True, exist_ok=True)
    rows = _rows(table, given)
    if not rows:
        return
    path = project / f"{table.name}.csv"
    path.write_text(_csv(list(table.columns or {}), rows), encoding="utf-8")
    write(table, Files(paths=(str(path),), format=InputFormat.CSV), root=project)
    path.unlink()


def _rows(table: Table, given: InlineTable) -> list[dict[str, Any]]:
    """Return the given rows by column. Raises ``InputInvalid`` for a column that the table does not have."""
    rows: list[dict[str, Any]] = []
    if isinstance(given.rows, str):
        reader = csv.DictReader(io.StringIO(given.rows.strip()), strict=True, restkey="", skipinitialspace=True)
        try:
            rows = [{key: value or None for key, value in row.items()} for row in reader]
        except csv.Error as error:
            raise InputInvalid(f"The rows of {table.name} are no CSV: {error}.") from error
    else:
        rows = [dict(row) for row in given.rows]
    columns = table.columns or {}
    strangers = [name for row in rows for name in row if name not in columns]
    if strangers:
        what = f"no column {strangers[0]!r}" if strangers[0] else "fewer columns than a row has fields"
        raise InputInvalid(f"{table.name} has {what}; it has {', '.join(columns)}.")
    return rows


def _csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Write all columns as CSV: NULL is nothing, and everything else stands in quotes."""
    lines = [",".join(map(_quoted, columns))]
    lines += (",".join(_field(row.get(name)) for name in columns) for row in rows)
    return "\n".join(lines) + "\n"


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, dict)):
        return _quoted(orjson.dumps(value, default=format_value).decode())
    return _quoted(str(value).lower() if isinstance(value, bool) else str(format_value(value)))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
