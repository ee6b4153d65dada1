"""A session at a Spark Connect server: the one place that knows ``pyspark``.

It is the gateway's own, with settings under which Spark computes as DuckDB does. What a scan reads is a view of it,
kept as long as the same versions are read.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, Final

import grpc
import pyarrow as pa

from gateway.errors import ClusterUnavailable, EngineFailed, GatewayError, QueryFailed, ResultTooLarge
from gateway.plan.spark.scans import SparkScan


@contextmanager
def _quietly() -> Iterator[None]:
    """Import the client: it warns of a version of pandas, of which nothing is used here.

    It takes a program without a file, as of ``python -c``, for its own tests, and may end it: it is shown a file.
    """
    program = sys.modules["__main__"]
    hidden = not hasattr(program, "__file__")
    if hidden:
        program.__file__ = __file__
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if hidden:
            del program.__file__


with _quietly():
    from pyspark.errors import PySparkException
    from pyspark.sql.connect.client.retries import DefaultPolicy
    from pyspark.sql.connect.functions import lit
    from pyspark.sql.connect.session import SparkSession

_SETTINGS: Final = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.caseSensitive": "false",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
}
"""Under which Spark computes as DuckDB does; a server that refuses one is not used."""
RAISED = (PySparkException, grpc.RpcError, OSError, ValueError)
"""What the client raises."""
_VIEWS = 256
"""Views that are kept of a session."""
_PROBE = "SELECT count(*) AS n FROM range(0, 1, 1, 1)"
_TOO_MUCH = re.compile(r"maxResultSize|OutOfMemoryError|Java heap space|too large to be broadcast", re.IGNORECASE)
_GONE = re.compile(r"stopped SparkContext|SparkContext was shut down|INVALID_HANDLE", re.IGNORECASE)
_CANCELLED = "OPERATION_CANCELED"


class Session:
    """A session at the server, and its views. Thread-safe."""

    def __init__(self, address: str) -> None:
        self.spark: Any = SparkSession(connection=address)
        self.spark.client.set_retry_policies([DefaultPolicy(max_retries=3, initial_backoff=50, max_backoff=500)])
        self._lock, self._views = Lock(), OrderedDict[str, None]()

    def prepare(self) -> str:
        """Set what has to hold; return the version of the server."""
        for name, value in _SETTINGS.items():
            self.spark.conf.set(name, value)
        return str(self.spark.version)

    def probe(self) -> None:
        """Run a query that needs a worker."""
        self.spark.sql(_PROBE).toArrow()

    def view(self, scan: SparkScan, scheme: str) -> str:
        """Return the name of the view of a scan, which is made where it is not there."""
        name = f"gateway_{scan.id}"
        with self._lock:
            if name in self._views:
                self._views.move_to_end(name)
                return name
        self._made(scan, scheme).createOrReplaceTempView(name)
        with self._lock:
            self._views[name] = None
            old = self._views.popitem(last=False)[0] if len(self._views) > _VIEWS else None
        if old is not None:
            self.spark.catalog.dropTempView(old)
        return name

    def _made(self, scan: SparkScan, scheme: str) -> Any:
        if not scan.files:
            columns = ", ".join(f"CAST(NULL AS {each.type}) AS {_quoted(each.name)}" for each in scan.columns)
            return self.spark.sql(f"SELECT {columns} FROM range(0)")
        schema = ", ".join(f"{_quoted(each.name)} {each.type}" for each in scan.columns)
        reader = self.spark.read.schema(schema).option("basePath", _address(scan.root, scheme))
        return reader.parquet(*(_address(file.path, scheme) for file in scan.files))

    def rows(self, text: str, values: Mapping[str, str | None], tag: str) -> Iterator[pa.Table]:
        """Run a query with its parameters, which *tag* names, on this thread."""
        client = self.spark.client
        client.add_tag(tag)
        query = self.spark.sql(text, args={name: lit(value) for name, value in values.items()})
        for part in client.to_table_as_iterator(query._plan.to_proto(client), {}):
            if isinstance(part, pa.Table):
                yield part

    def interrupt(self, tag: str) -> None:
        """End what *tag* names, as far as the server can be reached."""
        with suppress(*RAISED):
            self.spark.client.interrupt_tag(tag)

    def close(self) -> None:
        """Leave it; the server forgets it by itself where it cannot be reached."""
        with suppress(*RAISED):
            self.spark.client.close()


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _address(path: str, scheme: str) -> str:
    return f"{scheme}://{path.removeprefix('s3://')}" if path.startswith("s3://") else path


def explained(error: BaseException) -> GatewayError:
    """Return an error of the client as the gateway's own; its texts are the server's, and are not told.

    >>> explained(ValueError("a.b.OutOfMemoryError")).code, explained(OSError()).code
    ('result-too-large', 'cluster-unavailable')
    """
    text = str(error)
    condition = error.getCondition() if isinstance(error, PySparkException) else None
    if condition == _CANCELLED or _CANCELLED in text:
        return EngineFailed("The query was cancelled.")
    if _TOO_MUCH.search(text):
        return ResultTooLarge("The result is too large for Spark to give it back.")
    if condition is None or _GONE.search(text):
        return ClusterUnavailable("The connection to Spark was lost while it computed.")
    if condition.startswith(("FAILED_READ_FILE", "PATH_NOT_FOUND", "CANNOT_READ")):
        return EngineFailed(f"Spark could not read the files ({condition}).")
    return QueryFailed(f"The query failed in Spark ({condition}).")
