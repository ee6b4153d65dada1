"""A DuckDB of a client's own, which reads over HTTP by the packaged extension: nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import files

import duckdb


@contextmanager
def client_duckdb() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open one in memory, with no way to load another extension."""
    packaged = files("duckdb_extension_httpfs") / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
    offline = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    with closing(duckdb.connect(config=offline)) as connection:
        connection.execute(f"LOAD '{packaged}'")
        yield connection
