"""DuckDB over a real S3 server: what it costs, and that it never answers with bytes of another version."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from itertools import count
from typing import Any

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore.store import S3Store

from gateway.engine.duckdb import KEY_LIFE, DuckDBEngine
from gateway.engine.instance import BucketKeys, DuckDBSettings, S3Access
from gateway.errors import DeadlineExceeded, FilesChanged, StorageFailed
from gateway.model import FileVersion, Statement

pytestmark = pytest.mark.s3
ROWS = 20_000


class Folder:
    """A folder of the bucket whose files are rewritten in place: same key, same size, other rows."""

    def __init__(self, store: S3Store, url: str) -> None:
        self.store = store
        self.url = url
        self.contents: dict[FileVersion, int] = {}
        self._numbers = count(1_000)

    def write(self, name: str) -> FileVersion:
        """Write a file with rows that no file had before."""
        number = next(self._numbers)
        column = pa.array([number] * ROWS, pa.int64())
        table = pa.table({"a": column, "b": column, "c": column, "place": pa.array(range(ROWS), pa.int64())})
        sink = BytesIO()
        pq.write_table(table, sink, compression="none", use_dictionary=False, row_group_size=5_000)
        put = obstore.put(self.store, name, sink.getvalue())
        version = FileVersion(path=f"{self.url}/{name}", size=sink.tell(), etag=str(put["e_tag"]))
        self.contents[version] = number
        return version


@pytest.fixture
def folder(s3: Any, request: pytest.FixtureRequest) -> Folder:
    prefix = f"engine/{abs(hash(request.node.name)):x}"
    return Folder(s3.store(prefix), s3.url(prefix))


@pytest.fixture
def engine(s3: Any, tmp_path: Any) -> Iterator[DuckDBEngine]:
    opened = DuckDBEngine.open(
        settings(s3, tmp_path), keyring=lambda: BucketKeys(key_id=s3.access_key, secret=s3.secret_key)
    )
    yield opened
    opened.close()


def settings(s3: Any, tmp_path: Any) -> DuckDBSettings:
    return DuckDBSettings(
        locations=[s3.url("engine")],
        temp_directory=str(tmp_path),
        memory_limit="500MB",
        s3=S3Access(endpoint=s3.endpoint.partition("://")[2], url_style="path", use_ssl=False, region=s3.region),
    )


def reading(engine: DuckDBEngine, files: list[FileVersion], select: str = "min(a), max(a), count(*)") -> Statement:
    listed = ", ".join("'" + engine.address(file).replace("'", "''") + "'" for file in files)
    sql = f"SELECT {select} FROM read_parquet([{listed}], hive_partitioning = false)"
    return Statement(sql=sql, parameters={}, files=files)


def rows(engine: DuckDBEngine, statement: Statement, **options: Any) -> list[tuple[Any, ...]]:
    batches = list(engine.execute(statement, **options))
    return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]


def asked(s3: Any, run: Callable[[], object]) -> dict[str, int]:
    """Count the requests that *run* makes, by kind."""
    before = s3.requests()
    run()
    return dict(s3.requests() - before)


def test_a_first_run_costs_one_head_a_file_and_the_ranges_it_reads(
    s3: Any, engine: DuckDBEngine, folder: Folder
) -> None:
    files = [folder.write(f"{i}.parquet") for i in range(3)]
    # The footer and, in each of the four row groups, column a; the server counts HEAD among GET.
    assert asked(s3, lambda: rows(engine, reading(engine, files))) == {"GET": 3 * (1 + 1 + 4)}


def test_an_unchanged_repeat_asks_the_store_nothing(s3: Any, engine: DuckDBEngine, folder: Folder) -> None:
    files = [folder.write(f"{i}.parquet") for i in range(3)]
    first = rows(engine, reading(engine, files, "min(a), max(b), sum(c)"))
    again: list[Any] = []
    assert asked(s3, lambda: again.extend(rows(engine, reading(engine, files, "min(a), max(b), sum(c)")))) == {}
    assert first == again


def test_a_rewritten_file_of_the_same_size_gives_its_new_rows(engine: DuckDBEngine, folder: Folder) -> None:
    old = folder.write("x.parquet")
    rows(engine, reading(engine, [old]))
    for _ in range(10):
        new = folder.write("x.parquet")
        assert new.size == old.size
        assert [(folder.contents[new], folder.contents[new], ROWS)] == rows(engine, reading(engine, [new]))


def test_on_one_thread_each_file_is_read_once_and_a_version_that_is_gone_is_noticed(
    s3: Any, engine: DuckDBEngine, folder: Folder
) -> None:
    files = [folder.write(f"{i}.parquet") for i in range(2)]
    alone = replace(reading(engine, files), one_thread=True)
    assert asked(s3, lambda: rows(engine, alone)) == {"GET": 2 * (1 + 1 + 4)}
    folder.write("1.parquet")
    with pytest.raises(FilesChanged):
        rows(engine, alone)


def test_a_rewrite_of_one_file_leaves_the_blocks_of_the_others_in_use(
    s3: Any, engine: DuckDBEngine, folder: Folder
) -> None:
    files = [folder.write(f"{i}.parquet") for i in range(4)]
    rows(engine, reading(engine, files))
    files[2] = folder.write("2.parquet")
    assert asked(s3, lambda: rows(engine, reading(engine, files))) == {"GET": 1 + 1 + 4}


def test_a_version_that_is_gone_before_it_was_ever_opened_is_noticed(engine: DuckDBEngine, folder: Folder) -> None:
    old = folder.write("x.parquet")
    folder.write("x.parquet")
    with pytest.raises(FilesChanged):
        rows(engine, reading(engine, [old]))


def test_a_version_that_was_missed_once_is_never_answered_from_what_was_read_instead(
    s3: Any, engine: DuckDBEngine, folder: Folder
) -> None:
    old = folder.write("x.parquet")
    content = bytes(obstore.get(folder.store, "x.parquet").bytes())
    folder.write("x.parquet")
    statement = reading(engine, [old])
    with pytest.raises(FilesChanged):
        rows(engine, statement)
    obstore.put(folder.store, "x.parquet", content)  # the old bytes come back, with the old ETag
    with pytest.raises(FilesChanged, match="planned"):
        rows(engine, statement)
    assert [(folder.contents[old], folder.contents[old], ROWS)] == rows(engine, reading(engine, [old]))


def test_blocks_of_two_versions_never_meet(engine: DuckDBEngine, folder: Folder) -> None:
    old = folder.write("x.parquet")
    rows(engine, reading(engine, [old], "sum(a)"))
    folder.write("x.parquet")
    with pytest.raises(FilesChanged):
        rows(engine, reading(engine, [old], "sum(a), sum(b), sum(c)"))


def test_blocks_that_are_all_cached_still_answer_for_the_version_they_are_of(
    engine: DuckDBEngine, folder: Folder
) -> None:
    old = folder.write("x.parquet")
    first = rows(engine, reading(engine, [old]))
    folder.write("x.parquet")
    assert first == rows(engine, reading(engine, [old]))


def test_a_removed_file_is_noticed(engine: DuckDBEngine, folder: Folder) -> None:
    files = [folder.write("x.parquet"), folder.write("y.parquet")]
    obstore.delete(folder.store, "y.parquet")
    with pytest.raises(FilesChanged):
        rows(engine, reading(engine, files))


def test_a_damaged_file_that_nobody_replaced_is_not_called_changed(engine: DuckDBEngine, folder: Folder) -> None:
    put = obstore.put(folder.store, "x.parquet", b"PAR1" + bytes(5_000) + b"PAR1")
    version = FileVersion(path=f"{folder.url}/x.parquet", size=5_008, etag=str(put["e_tag"]))
    with pytest.raises(StorageFailed, match="damaged"):
        rows(engine, reading(engine, [version]))


def test_a_replacement_while_rows_stream_is_noticed_or_has_no_part_in_them(
    engine: DuckDBEngine, folder: Folder
) -> None:
    names = [f"{i}.parquet" for i in range(20)]
    old = [folder.write(name) for name in names]
    stream = engine.execute(reading(engine, old, "*"))
    batches = iter(stream)
    values = set(next(batches).column("a").to_pylist())
    for name in names:
        folder.write(name)
    with pytest.raises(FilesChanged):
        values.update(value for batch in batches for value in batch.column("a").to_pylist())
    assert values <= {folder.contents[version] for version in old}


@pytest.mark.parametrize("seed", range(4))
def test_answers_are_of_the_versions_named_whatever_is_rewritten_meanwhile(
    engine: DuckDBEngine, folder: Folder, seed: int
) -> None:
    """Readers with manifests of different age, over files that a writer keeps rewriting, same size, at any moment."""
    names = [f"{i}.parquet" for i in range(3)]
    manifest = {name: folder.write(name) for name in names}
    over = threading.Event()
    wrong: list[object] = []
    outcomes: list[str] = []

    def rewrite() -> None:
        choose = random.Random(seed)
        while not over.wait(choose.choice([0.0, 0.002, 0.01, 0.05])):
            name = choose.choice(names)
            manifest[name] = folder.write(name)

    def read(number: int) -> None:
        choose = random.Random(f"{seed} {number}")
        pinned = dict(manifest)
        while not over.is_set():
            if choose.random() < 0.7:
                pinned = dict(manifest)  # else the manifest of before is used again
            files = choose.sample(list(pinned.values()), choose.randint(1, 3))
            column = choose.choice("abc")
            statement = reading(engine, files, f"{column}, count(*)")
            statement = Statement(sql=f"{statement.sql} GROUP BY 1", parameters={}, files=files)
            try:
                found = rows(engine, statement)
            except FilesChanged:
                outcomes.append("changed")
                continue
            outcomes.append("answered")
            expected = sorted((folder.contents[file], ROWS) for file in files)
            if sorted(found) != expected:
                wrong.append((found, expected))

    readers = [threading.Thread(target=read, args=(number,)) for number in range(3)]
    writer = threading.Thread(target=rewrite)
    for thread in [*readers, writer]:
        thread.start()
    over.wait(4)
    over.set()
    for thread in [*readers, writer]:
        thread.join()
    assert wrong == []
    assert {"answered", "changed"} == set(outcomes)


def test_the_schema_of_a_rewritten_file_is_read_again(engine: DuckDBEngine, folder: Folder) -> None:
    folder.write("x.parquet")
    path = f"{folder.url}/x.parquet"
    assert [column.name for column in engine.describe([path])] == ["a", "b", "c", "place"]
    sink = BytesIO()
    pq.write_table(pa.table({"z": [1]}), sink)
    obstore.put(folder.store, "x.parquet", sink.getvalue())
    assert [column.name for column in engine.describe([path])] == ["z"]


@pytest.mark.parametrize(
    "name", ["day=2013-01-01/a b.parquet", "é=ü/+&=,~'x.parquet", "[a]*/b.parquet", "%3D%25/x.parquet"]
)
def test_any_key_can_be_addressed(engine: DuckDBEngine, folder: Folder, name: str) -> None:
    version = folder.write(name)
    assert [(folder.contents[version], folder.contents[version], ROWS)] == rows(engine, reading(engine, [version]))


def test_keys_that_are_refused_fail_without_being_told(
    s3: Any, engine: DuckDBEngine, folder: Folder, tmp_path: Any
) -> None:
    version = folder.write("x.parquet")
    keys = BucketKeys(key_id="nobody", secret="top-secret-word")
    other = DuckDBEngine.open(settings(s3, tmp_path), keyring=lambda: keys)
    with pytest.raises(StorageFailed) as raised:
        rows(other, reading(other, [version]))
    other.close()
    assert "refused" in raised.value.detail
    assert "secret" not in raised.value.detail


def test_renewed_keys_are_used(s3: Any, folder: Folder, tmp_path: Any) -> None:
    version = folder.write("x.parquet")
    keys = [BucketKeys(key_id="nobody", secret="x"), BucketKeys(key_id=s3.access_key, secret=s3.secret_key)]
    engine = DuckDBEngine.open(settings(s3, tmp_path), keyring=lambda: keys.pop(0))
    with pytest.raises(StorageFailed):
        rows(engine, reading(engine, [version]))
    engine.renew_keys()
    assert len(rows(engine, reading(engine, [version]))) == 1
    engine.close()


def test_keys_are_renewed_while_queries_come(s3: Any, folder: Folder, tmp_path: Any) -> None:
    version, now = folder.write("x.parquet"), [1_000.0]
    keys = [BucketKeys(key_id="nobody", secret="x"), BucketKeys(key_id=s3.access_key, secret=s3.secret_key)]
    engine = DuckDBEngine.open(settings(s3, tmp_path), keyring=lambda: keys.pop(0), clock=lambda: now[0])
    with pytest.raises(StorageFailed):
        rows(engine, reading(engine, [version]))
    now[0] += KEY_LIFE
    assert len(rows(engine, reading(engine, [version]))) == 1
    engine.close()


def test_a_store_that_does_not_answer_is_named(s3: Any, free_ports: Any, tmp_path: Any) -> None:
    nobody = DuckDBSettings(
        locations=["s3://warehouse"],
        temp_directory=str(tmp_path),
        s3=S3Access(endpoint=f"127.0.0.1:{free_ports(1)[0]}", url_style="path", use_ssl=False),
    )
    engine = DuckDBEngine.open(nobody)
    with pytest.raises(StorageFailed):
        rows(engine, reading(engine, [FileVersion(path="s3://warehouse/x.parquet", size=1, etag='"a"')]))
    engine.close()


def test_a_deadline_holds_over_s3_too(engine: DuckDBEngine, folder: Folder) -> None:
    files = [folder.write(f"{i}.parquet") for i in range(3)]
    heavy = reading(engine, files, "sum(a * x.i * y.i)")
    heavy = Statement(sql=f"{heavy.sql}, range(100000) x(i), range(1000) y(i)", parameters={}, files=files)
    with pytest.raises(DeadlineExceeded):
        rows(engine, heavy, deadline=time.monotonic() + 0.5)
