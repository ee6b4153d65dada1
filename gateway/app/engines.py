"""Open DuckDB engines from the settings: what each may use, and how it reaches the buckets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from gateway.catalog.store import S3Settings, region
from gateway.engine.duckdb import DuckDBEngine
from gateway.engine.instance import BUCKETS, DuckDBSettings, S3Access
from gateway.engine.keyring import keyring
from gateway.engine.priority import giving_way
from gateway.engine.spill import spill_folder
from gateway.settings import EngineSettings
from gateway.telemetry.events import Observer

_SILENCE = 5
"""Seconds that a bucket may be silent under a query; setting ``storage.timeout`` lower shortens it."""

_LEAST_FLUSH, _MOST_FLUSH, _FLUSHES = 2**20, 2**23, 128
"""Bytes freed at once after which memory goes back to the system: a part of all. With 8 MiB the best time of no query
was longer than with DuckDB's own 512 MB, the median by 5% on most; with 1 MiB a count of distinct texts took 1.6 times
as long."""


def open_engine(
    locations: Sequence[str],
    number: int,
    *,
    engine: EngineSettings,
    storage: S3Settings,
    state: Path,
    memory: int,
    observe: Observer,
    first_edition: int = 0,
    broken: Callable[[], None] = lambda: None,
) -> DuckDBEngine:
    """Open an engine that can read *locations* and take *memory* bytes; *number* is unique in this process.

    *broken* is called when it can run nothing any more.
    """
    chosen = DuckDBSettings(
        locations=locations,
        temp_directory=str(spill_folder(state / "tmp", number)),
        memory_limit=f"{memory}B",
        max_temp_size=f"{engine.spill}B",
        flush=f"{max(_LEAST_FLUSH, min(_MOST_FLUSH, memory // _FLUSHES))}B",
        threads=engine.threads,
        one_thread_memory=f"{engine.one_thread_memory}B",
        s3=access(storage) if any(place.startswith(BUCKETS) for place in locations) else None,
        http_timeout=silence(storage),
        first_edition=first_edition,
    )
    return giving_way(lambda: DuckDBEngine.open(chosen, keyring=keyring(storage), observe=observe, broken=broken))


def silence(s3: S3Settings) -> int:
    """Return the seconds that a bucket may be silent under a query."""
    return max(1, min(_SILENCE, round(s3.timeout)))


def access(s3: S3Settings) -> S3Access:
    """Say how DuckDB reaches the buckets."""
    endpoint = urlsplit(s3.endpoint).netloc if s3.endpoint is not None else "s3.amazonaws.com"
    style = "path" if s3.path_style else "vhost"
    return S3Access(region=region(s3), endpoint=endpoint, url_style=style, use_ssl=s3.use_ssl)
