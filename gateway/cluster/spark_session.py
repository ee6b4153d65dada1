"""A session at a Spark Connect server: the one place that knows ``pyspark``.

It is the gateway's own, with settings under which Spark computes as DuckDB does. What a scan reads is a view of it,
kept as long as the same versions are read.
"""

from __future__ import annotations

import atexit
import re
import sys
import time
import warnings
from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import Lock
from typing import Any, Final

import grpc
import pyarrow as pa

from gateway.cluster.spark_calls import Channel, Streams
from gateway.cluster.spark_parts import ROW_GROUP, Written
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
    from pyspark.errors import PySparkException, UnknownException
    from pyspark.sql.connect.client.core import DefaultChannelBuilder
    from pyspark.sql.connect.client.retries import DefaultPolicy, RetryPolicyState
    from pyspark.sql.connect.functions import col, count, lit
    from pyspark.sql.connect.observation import Observation
    from pyspark.sql.connect.session import SparkSession
    from pyspark.sql.types import NullType

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
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.writeLegacyFormat": "false",
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


class _Builder(DefaultChannelBuilder):  # type: ignore[misc] # no types
    """Reads an address, and gives its channel to the client."""

    def __init__(self, address: str, answering: float) -> None:
        super().__init__(address)
        self.channel = Channel(super().toChannel(), answering)

    def toChannel(self) -> Channel:  # the name that the client calls it by
        return self.channel


class _Tries(RetryPolicyState):  # type: ignore[misc] # no types
    """How often a call was tried: the last error is then raised as it is, where the client would also warn."""

    def can_retry(self, exception: BaseException) -> bool:
        return self._attempt < self.policy.max_retries and bool(super().can_retry(exception))


class _Retries(DefaultPolicy):  # type: ignore[misc] # no types
    """What is lost is tried again three times within two seconds, or soon, where the server asks for later."""

    def __init__(self) -> None:
        super().__init__(max_retries=3, initial_backoff=50, max_backoff=500, max_server_retry_delay=1000)

    def to_state(self) -> _Tries:
        return _Tries(self)


class Session:
    """A session at the server, and its views. Thread-safe."""

    def __init__(self, address: str, answering: float) -> None:
        builder, self._answering = _Builder(address, answering), answering
        self._channel = builder.channel
        self.spark: Any = SparkSession(connection=builder)
        self.spark.client.set_retry_policies([_Retries()])
        # It would keep each client until the process ends, and then ask the server, which may be gone.
        atexit.unregister(self.spark.client._on_exit)
        self._lock, self._views = Lock(), OrderedDict[str, None]()

    def prepare(self) -> str:
        """Set what has to hold; return the version of the server."""
        for name, value in _SETTINGS.items():
            self.spark.conf.set(name, value)
        return str(self.spark.version)

    def probe(self) -> None:
        """See whether the server answers, and where nothing else of the session shows it, whether a worker computes.

        Behind queries of this session it would wait for a worker, and say nothing but that they compute.
        """
        self.spark.conf.get("spark.sql.session.timeZone")
        if not self._channel.working:
            with self.reading(Streams(until=time.monotonic() + self._answering)):
                self.spark.sql(_PROBE).toArrow()

    def reading(self, streams: Streams) -> AbstractContextManager[None]:
        """Have what this thread reads meanwhile end with *streams*."""
        return self._channel.of(streams)

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

    def rows(self, text: str, values: Mapping[str, str | None], tag: str) -> Generator[pa.Table]:
        """Run a query with its parameters, which *tag* names, on this thread."""
        client, query = self.spark.client, self._query(text, values, tag)
        for part in client.to_table_as_iterator(query._plan.to_proto(client), {}):
            if isinstance(part, pa.Table):
                yield part

    def write(self, text: str, values: Mapping[str, str | None], tag: str, folder: str, scheme: str) -> Written:
        """Run a query as ``rows`` does, and have its rows written to a folder, in their order."""
        query, counted = self._query(text, values, tag), Observation()
        untyped = [isinstance(field.dataType, NullType) for field in query.schema.fields]
        names = [f"c{position}" for position in range(len(untyped))]  # a query may have two columns of one name
        columns = [
            lit(None).cast("boolean").alias(name) if is_untyped else col(name)  # Parquet has no NULL of no type
            for name, is_untyped in zip(names, untyped, strict=True)
        ]
        rows = query.toDF(*names).select(*columns).observe(counted, count(lit(1)).alias("rows"))
        writer = rows.write.option("parquet.block.size", ROW_GROUP).option("maxRecordsPerFile", 0)
        try:
            writer.parquet(_address(folder, scheme))
        except UnknownException as error:  # of which Spark says nothing but a class of Java
            if _GONE.search(str(error)) or _TOO_MUCH.search(str(error)):
                raise
            raise EngineFailed("Spark could not write below cluster.spark_spool.") from error
        return Written(
            rows=int(counted.get["rows"]),
            untyped=frozenset(each for each, is_untyped in enumerate(untyped) if is_untyped),
        )

    def _query(self, text: str, values: Mapping[str, str | None], tag: str) -> Any:
        self.spark.client.add_tag(tag)
        return self.spark.sql(text, args={name: lit(value) for name, value in values.items()})

    def interrupt(self, tag: str) -> None:
        """End what *tag* names, as far as the server can be reached."""
        with suppress(*RAISED):
            self.spark.client.interrupt_tag(tag)

    def close(self) -> None:
        """Leave it, which ends what it reads; the server forgets it by itself where it cannot be reached."""
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
