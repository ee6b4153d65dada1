"""A project over a bucket and a folder whose every answer is known, and clients who ask it all the time.

They are what must go on beside a query that misbehaves: hits, small questions that are computed each time over S3 and
over local files, and exports as Arrow and CSV. Every answer is compared with the truth, which is arithmetic.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from io import BytesIO
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet as pq
from events import between
from shop import Shop
from waiting import wait_for

DAYS = 30
"""Days of the table ``events``, which is in the bucket."""
PARTS, PART = 4, 5_000
"""Files of the table ``rows``, which is in a folder, and rows of each."""
ROWS = PARTS * PART
TIMES = 40
"""Times that an export repeats the rows."""
COUNTED = ("hit", "small", "s3")
KEPT = 5
"""Questions that are asked over and over."""
TABLE = """\
table: rows
location: data
partitioned_by: [{column: part, transform: identity, source: part}]
columns: {id: BIGINT, part: BIGINT}
"""
TEMPLATES = {
    "kept": (
        "parameters: {k: {type: bigint}}\ncache: {ttl: 1h}",
        "SELECT count(*) AS n, sum(id) + $k AS total FROM rows",
    ),
    "small": (
        "parameters: {part: {type: bigint}, k: {type: bigint}}\ncache: off",
        "SELECT count(*) AS n, sum(id) + $k AS total FROM rows WHERE part = $part",
    ),
    "export": (
        "parameters: {times: {type: bigint, max: 1000}}\ncache: off",
        f"SELECT r.range * {ROWS} + id AS id, 'row ' || (id % 97) AS name FROM rows, range($times) AS r",
    ),
}


def template(front: str, sql: str) -> str:
    return f"/*\nsummary: A query of the test\n{front}\n*/\n{sql}\n"


def make_project(shop: Shop, more: Mapping[str, str]) -> Path:
    """Write the tables and the queries of the clients, and *more* templates, by name."""
    shop.open(DAYS, "cache: off")
    texts = {name: template(*parts) for name, parts in TEMPLATES.items()} | dict(more)
    (shop.folder / "catalog/rows.yaml").write_text(TABLE)
    for name, text in texts.items():
        (shop.folder / f"queries/{name}").mkdir(parents=True)
        (shop.folder / f"queries/{name}/v1.sql").write_text(text)
    for part in range(PARTS):
        (shop.folder / f"data/part={part}").mkdir(parents=True)
        ids = pa.array(range(part * PART, (part + 1) * PART), pa.int64())
        pq.write_table(pa.table({"id": ids}), shop.folder / f"data/part={part}/a.parquet")
    return shop.folder


def path_of(query: str, suffix: str = "json", **parameters: Any) -> str:
    return f"/v1/queries/{query}/v1/result.{suffix}?{urlencode(parameters)}"


def sum_of(first: int, count: int) -> int:
    """Add *count* whole numbers up from *first*."""
    return count * first + count * (count - 1) // 2


class Neighbours:
    """The clients. ``got`` counts what they were given; ``wrong`` and ``failed`` tell what should not have been.

    An export may be ``cut``, which its reader notices. ``broken`` are connections that ended under any other answer.
    """

    def __init__(self, port: int, shop: Shop, *, seed: int = 1, times: int = TIMES) -> None:
        self.got: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.failed: list[str] = []
        self.broken: list[str] = []
        self._port, self._shop, self._seed, self._times = port, shop, seed, times
        self._over = Event()
        self._threads: list[Thread] = []

    def start(self, *, hits: int = 2, misses: int = 1, exports: bool = True) -> None:
        """Start clients: so many for hits, so many each for questions over the folder and over the bucket."""
        kinds = [self.hit] * hits + [self.small, self.over_s3] * misses
        kinds += [self.export_arrow, self.export_csv] if exports else []
        for number, ask in enumerate(kinds):
            chooser = random.Random(f"{self._seed}/{number}")
            self._threads.append(Thread(target=self._client, args=(ask, chooser), daemon=True))
            self._threads[-1].start()

    def stop(self) -> None:
        """Let the clients end with what they are at."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    @contextmanager
    def asking(self, **kinds: Any) -> Iterator[None]:
        """Have the clients ask meanwhile; all of them are answered before and after."""
        self.start(**kinds)
        try:
            self.go_on(1)
            yield
            self.go_on(1)
        finally:
            self.stop()

    def go_on(self, answers: int) -> None:
        """Wait until there are so many more answers of every kind, exports left aside, or one has failed."""
        before = Counter(self.got)

        def enough() -> bool:
            return bool(self.failed) or all(self.got[kind] >= before[kind] + answers for kind in COUNTED)

        wait_for(enough, self.told)

    def told(self) -> str:
        """Tell what they were given so far."""
        return f"{dict(self.got)}, wrong {self.wrong[:3]}, failed {self.failed[:3]}, broken {self.broken[:3]}"

    def unharmed(self, *, broken: int = 0) -> None:
        """Assert that nothing was wrong and nothing failed; *broken* connections are allowed."""
        assert not self.wrong, self.told()
        assert not self.failed, self.told()
        assert len(self.broken) <= broken, self.told()

    def _client(self, ask: Callable[[HTTPConnection, random.Random], None], chooser: random.Random) -> None:
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=120)) as connection:
            while not self._over.wait(0.01):
                try:
                    ask(connection, chooser)
                except (OSError, HTTPException) as error:
                    self.broken.append(f"{ask.__name__}: {error!r}")
                    connection.close()

    def hit(self, connection: HTTPConnection, chooser: random.Random) -> None:
        k = chooser.randrange(KEPT)
        self._asked(connection, "hit", path_of("kept", k=k), (ROWS, sum_of(0, ROWS) + k))

    def small(self, connection: HTTPConnection, chooser: random.Random) -> None:
        part, k = chooser.randrange(PARTS), chooser.randrange(10**9)
        expected = (PART, sum_of(part * PART, PART) + k)
        self._asked(connection, "small", path_of("small", part=part, k=k), expected)

    def over_s3(self, connection: HTTPConnection, chooser: random.Random) -> None:
        start = chooser.randrange(DAYS)
        end = chooser.randint(start + 1, min(DAYS, start + 5))
        self._asked(connection, "s3", path_of("amount", **between(start, end)), self._shop.truth(start, end))

    def _asked(self, connection: HTTPConnection, kind: str, path: str, expected: tuple[int, ...]) -> None:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        if self._answered(response, kind, path, body):
            [row] = json.loads(body)["data"]
            self._compared(kind, path, tuple(map(int, row.values())), expected)

    def _answered(self, response: HTTPResponse, kind: str, path: str, body: bytes) -> bool:
        if response.status != 200:
            self.failed.append(f"{kind} {path}: {response.status} {body[:300].decode(errors='replace')}")
        return response.status == 200

    def _compared(self, kind: str, path: str, found: object, expected: object) -> None:
        self.got[kind] += 1
        if found != expected:
            self.wrong.append(f"{kind} {path}: {found} instead of {expected}")

    def export_arrow(self, connection: HTTPConnection, chooser: random.Random) -> None:
        self._exported(connection, "arrow", lambda body: pa.ipc.open_stream(body).read_all())

    def export_csv(self, connection: HTTPConnection, chooser: random.Random) -> None:
        self._exported(connection, "csv", lambda body: pyarrow.csv.read_csv(BytesIO(body)))

    def _exported(self, connection: HTTPConnection, suffix: str, read: Callable[[bytes], pa.Table]) -> None:
        path = path_of("export", suffix, times=self._times)
        connection.request("GET", path)
        response = connection.getresponse()
        try:
            body = response.read()
        except (IncompleteRead, ConnectionError):
            self.got["cut"] += 1
            connection.close()
            return
        if self._answered(response, suffix, path, body):
            rows = ROWS * self._times
            self._compared(suffix, path, _summary(read(body)), (rows, sum_of(0, rows), 97))


def _summary(table: pa.Table) -> tuple[int, int, int]:
    """Count the rows, add their ids up, count the names."""
    return table.num_rows, pc.sum(table["id"]).as_py(), pc.count_distinct(table["name"]).as_py()
