"""Opens a DuckDB instance that can read the declared locations and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import duckdb
from duckdb.sqltypes import DuckDBPyType

BUCKETS = ("s3://", "s3a://", "gs://", "gcs://", "r2://")
WILDCARDS = str.maketrans({"*": "[*]", "?": "[?]", "[": "[[]"})
"""How addresses spell the characters of a name that DuckDB would take for wildcards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Access:
    """How to reach the buckets. ``endpoint`` is host and port without a scheme, ``url_style`` ``vhost`` or ``path``."""

    region: str = "us-east-1"
    endpoint: str = "s3.amazonaws.com"
    url_style: str = "vhost"
    use_ssl: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BucketKeys:
    """The keys of the buckets at one moment; never printed."""

    key_id: str
    secret: str
    session_token: str | None = None


Keyring = Callable[[], BucketKeys | None]
"""Asked for the keys of the buckets whenever they may have changed; None: the buckets are public."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DuckDBSettings:
    """What an instance may use. ``locations`` are the only folders and ``s3://`` prefixes that it can read.

    ``threads`` None: twice the cores for folders, 16 at least where a location is in a bucket, for there threads hide
    latency. Sizes are DuckDB's: ``2GB``, ``512MB``.
    """

    locations: Sequence[str]
    temp_directory: str
    memory_limit: str = "2GB"
    max_temp_size: str = "10GB"
    flush: str = "8MiB"
    """Memory freed at once of which the allocator gives back all to the system that nobody uses. It keeps it by default
    up to 512 MB, more than most queries free, and what it keeps counts as memory of the process."""
    threads: int | None = None
    one_thread_memory: str = "96MiB"
    """What a statement that runs on one thread may use. Its ties may be broken otherwise with another limit."""
    s3: S3Access | None = None
    http_timeout: int = 5
    """Seconds that a bucket may be silent under a request, which is not interrupted meanwhile."""
    first_edition: int = 0
    """What the editions of addresses are counted from: no process may take an address that an earlier one retired."""

    @property
    def remote(self) -> bool:
        """Whether a location is in a bucket."""
        return any(location.startswith(BUCKETS) for location in self.locations)


HTTP_RETRIES = 2
"""Times that a request is sent again: at once, then after ``HTTP_PAUSE``. DuckDB's pauses are without jitter and hold
a slot, so what is still wrong is left to ``stores``. A silent bucket holds a query for three times ``http_timeout``."""
HTTP_PAUSE = 50
"""In milliseconds; a further one would be four times as long."""

DISTRUSTED = "join_filter_pushdown"
"""Optimisers that are off. DuckDB 1.5.5 pushes the keys of a join below the LIMIT of its other side, so that
``SELECT … FROM (SELECT … ORDER BY id LIMIT 500) WHERE x IN (SELECT …)`` answers from other rows than the first 500,
now and then. TPC-H takes 1.01 times its CPU time without it (all 22 queries, scale factor 0.5)."""


TRUNCATIONS = ("date_trunc", "datetrunc")
"""Functions that macros of the same name take the place of, with the function inside of a CASE. DuckDB 1.5.5 decides
``date_trunc('month', ts) = c`` for a constant that no truncation yields without looking at *ts*, so that a NULL is
FALSE, and its negation TRUE. Not ``TRY``: in a HAVING over a join it is an internal error of the engine."""


def guarded_by_null(function: str) -> str:
    """Write a truncation of ``moment`` to ``part`` that the optimiser does not look into."""
    return f"CASE WHEN moment IS NOT NULL THEN system.main.{function}(part, moment) END"


def connect(settings: DuckDBSettings, keyring: Keyring, threads: int) -> duckdb.DuckDBPyConnection:
    """Open an instance and lock it down, in the one order that works."""
    _without_pandas()
    DuckDBPyType(
        "INTEGER"
    )  # opens the client's own connection: two threads that do it first wait for each other forever
    connection = duckdb.connect(":memory:", config={"memory_limit": settings.memory_limit, "threads": threads})
    connection.execute("SET GLOBAL allow_persistent_secrets = false")
    if settings.remote:
        _load_httpfs(connection)
        put_secret(connection, settings.s3 or S3Access(), keyring())
        connection.execute("SET GLOBAL enable_http_metadata_cache = true")
        connection.execute(f"SET GLOBAL http_timeout = {settings.http_timeout}")
        connection.execute(f"SET GLOBAL http_retries = {HTTP_RETRIES}")
        connection.execute(f"SET GLOBAL http_retry_wait_ms = {HTTP_PAUSE}")
        connection.execute("CALL enable_logging('HTTP', storage = 'memory')")
    for name in TRUNCATIONS:
        connection.execute(f"CREATE MACRO {name}(part, moment) AS {guarded_by_null(name)}")
    allowed = [folder for location in settings.locations for folder in _folder(location)]
    for statement in (
        "SET GLOBAL TimeZone = 'UTC'",
        f"SET GLOBAL disabled_optimizers = {quoted(DISTRUSTED)}",
        f"SET GLOBAL allowed_directories = [{', '.join(map(quoted, allowed))}]",
        f"SET GLOBAL temp_directory = {quoted(settings.temp_directory)}",
        f"SET GLOBAL max_temp_directory_size = {quoted(settings.max_temp_size)}",
        f"SET GLOBAL allocator_bulk_deallocation_flush_threshold = {quoted(settings.flush)}",
        "SET GLOBAL parquet_metadata_cache = true",
        "SET GLOBAL enable_external_access = false",
        "SET GLOBAL autoinstall_known_extensions = false",
        "SET GLOBAL autoload_known_extensions = false",
        "SET GLOBAL allow_community_extensions = false",
        "SET GLOBAL python_enable_replacements = false",
        "SET GLOBAL lock_configuration = true",
    ):
        connection.execute(statement)
    return connection


class _Absent(MetaPathFinder):
    """Raises for one module name at once, without searching the path."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: object = None) -> None:
        if fullname == self.name:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


@cache
def _without_pandas() -> None:
    """Make the import of pandas fail fast where it is not installed.

    DuckDB's client tries to import it four times for each statement with parameters, which takes three quarters of the
    time of a small statement.
    """
    if find_spec("pandas") is None:
        sys.meta_path.insert(0, _Absent("pandas"))


def before_fork() -> None:
    """Close the connection that importing DuckDB opens: its threads would not be in a child, which aborts at its end.

    Call it in a process that forks and runs no query itself.
    """
    duckdb.close()


def put_secret(connection: duckdb.DuckDBPyConnection, access: S3Access, keys: BucketKeys | None) -> None:
    """Create or replace the one secret of the instance; it lives in memory only."""
    options = {
        "REGION": quoted(access.region),
        "ENDPOINT": quoted(access.endpoint),
        "URL_STYLE": quoted(access.url_style),
        "USE_SSL": str(access.use_ssl).lower(),
    }
    if keys is not None:
        options |= {"KEY_ID": quoted(keys.key_id), "SECRET": quoted(keys.secret)}
    if keys is not None and keys.session_token is not None:
        options["SESSION_TOKEN"] = quoted(keys.session_token)
    listed = ", ".join(f"{name} {value}" for name, value in options.items())
    connection.execute(f"CREATE OR REPLACE SECRET buckets (TYPE s3, {listed})")


def _load_httpfs(connection: duckdb.DuckDBPyConnection) -> None:
    """Load the packaged extension; where the package holds none for this platform, install it from the network."""
    packaged = files("duckdb_extension_httpfs") / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
    if packaged.is_file():
        connection.execute(f"LOAD {quoted(str(packaged))}")
    else:
        connection.execute("INSTALL httpfs")
        connection.execute("LOAD httpfs")


def _folder(location: str) -> Iterable[str]:
    """Spell a location with a final slash, so that a folder whose name only starts with it is not allowed too.

    A folder with wildcards in its name is spelt twice: as it is, and as an address has it, in which they are escaped.
    """
    absolute = location if location.startswith(BUCKETS) else str(Path(location).absolute())
    folder = absolute.rstrip("/") + "/"
    return dict.fromkeys((folder, folder.translate(WILDCARDS)))


def quoted(value: str) -> str:
    """Write a text as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"
