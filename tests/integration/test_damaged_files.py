"""The operator's own tools name a damaged file; over HTTP nobody learns where it lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from gateway.app.gateway import open_gateway
from gateway.cli import main
from gateway.config import load_settings
from gateway.errors import FileDamaged
from gateway.model import BoundQuery, CachePolicy, Principal
from gateway.telemetry.events import Event, QueryFailed

SQL = "SELECT sum(n) AS n, max(s) AS s FROM t"
QUERY = BoundQuery(
    name="q", version=1, sql=SQL, normalised=SQL, tables=("t",), parameters={}, cache=CachePolicy(enabled=False)
)


def page(good: bytes) -> bytes:
    return good[:1_000] + b"\xff" * 1_000 + good[2_000:]


def middle_missing(good: bytes) -> bytes:
    footer = int.from_bytes(good[-8:-4], "little") + 8
    return good[:500] + good[-footer:]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "zero bytes": lambda good: b"",
    "truncated": lambda good: good[:-5],
    "encrypted": lambda good: good[:-4] + b"PARE",
    "footer length": lambda good: good[:-8] + b"\xff\xff\xff\0PAR1",
    "page": page,
    "middle": middle_missing,
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("catalog", "queries", "data/part one"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "catalog" / "t.yaml").write_text("table: t\nlocation: data\ncolumns: {n: BIGINT, s: VARCHAR}\n")
    rows = pa.table({"n": list(range(20_000)), "s": [str(number) * 9 for number in range(20_000)]})
    for name in ("good.parquet", "part one/bad.parquet"):
        pq.write_table(rows, tmp_path / "data" / name, use_dictionary=False)
    return tmp_path


@pytest.mark.parametrize("spoil", DAMAGE.values(), ids=DAMAGE)
def test_run_and_the_log_name_a_damaged_file_and_the_detail_does_not(
    project: Path, spoil: Callable[[bytes], bytes]
) -> None:
    bad = project / "data" / "part one" / "bad.parquet"
    bad.write_bytes(spoil(bad.read_bytes()))
    (project / "q.sql").write_text(SQL)
    done = CliRunner().invoke(main, ["run", "--sql", str(project / "q.sql"), "--project", str(project)])
    assert done.exit_code == 4
    assert f"  {bad}\n" in done.stderr
    events: list[Event] = []
    with (
        open_gateway(load_settings(project), observe=events.append, background=False) as gateway,
        pytest.raises(FileDamaged) as raised,
    ):
        gateway.answer(QUERY, principal=Principal())
    assert raised.value.detail == "A data file is damaged: it cannot be read as Parquet."
    assert [event.file for event in events if isinstance(event, QueryFailed)] == [str(bad)]
