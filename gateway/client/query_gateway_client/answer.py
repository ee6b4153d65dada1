"""What comes back: the rows, in the shape of the library that goes on with them, and what they cost."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from query_gateway_client.errors import MissingLibrary

if TYPE_CHECKING:  # for editors and type checkers: these libraries need not be installed
    import duckdb
    import pandas
    import polars


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the gateway said beside the rows; ``headers`` has all of it, by lower-case names.

    ``reused`` is True where the rows came from this machine's disk, because the gateway said that they are right.
    """

    headers: Mapping[str, str]
    reused: bool = False

    @property
    def version(self) -> int | None:
        """The version of the query that answered."""
        return _number(self.headers.get("gateway-version"))

    @property
    def rows(self) -> int | None:
        """Rows of the whole result, of which this may be a page; None where nobody knows them yet."""
        return _number(self.headers.get("gateway-rows"))

    @property
    def more(self) -> bool:
        """Whether rows follow this page."""
        return self.headers.get("gateway-more") == "true"

    @property
    def parameters(self) -> str | None:
        """The parameters as they were understood and rounded, as a query string."""
        return self.headers.get("gateway-parameters")

    @property
    def partitions(self) -> str | None:
        """Partitions read, of all there are: ``7/365``."""
        return self.headers.get("gateway-partitions")

    @property
    def snapshot(self) -> str | None:
        """The state of the data that was read."""
        return self.headers.get("gateway-snapshot")

    @property
    def etag(self) -> str | None:
        """What names these bytes."""
        return self.headers.get("etag")

    @property
    def age(self) -> int | None:
        """Seconds since the answer was computed, or last found unchanged."""
        return _number(self.headers.get("age"))

    @property
    def request_id(self) -> str | None:
        """The name of the request in the gateway's log."""
        return self.headers.get("x-request-id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """All rows of an answer, in memory."""

    table: pa.Table = field(repr=False)
    about: About = field(repr=False)

    def __repr__(self) -> str:
        return f"<Answer: {self.table.num_rows} rows of {', '.join(self.table.column_names)}>"

    def __len__(self) -> int:
        return self.table.num_rows

    def arrow(self) -> pa.Table:
        """Return the rows as a table of Arrow, in the types that the query gave them."""
        return self.table

    def pandas(self, *, dtype_backend: Literal["pyarrow", "numpy"] = "pyarrow") -> pandas.DataFrame:
        """Return the rows as a frame of pandas.

        Columns keep their types (``pyarrow``); with ``numpy``, integers with NULL become floats, as pandas has them.
        """
        module = library("pandas")
        mapper = module.ArrowDtype if dtype_backend == "pyarrow" else None
        return self.table.to_pandas(types_mapper=mapper)

    def polars(self) -> polars.DataFrame:
        """Return the rows as a frame of Polars."""
        frame: polars.DataFrame = library("polars").from_arrow(self.table, rechunk=False)
        return frame

    def duckdb(self, connection: duckdb.DuckDBPyConnection | None = None) -> duckdb.DuckDBPyRelation:
        """Return the rows as a relation of *connection*, or of DuckDB's default one."""
        module = library("duckdb")
        relation: duckdb.DuckDBPyRelation
        relation = module.from_arrow(self.table, connection=connection or module.default_connection())
        return relation

    def pylist(self) -> list[dict[str, Any]]:
        """Return the rows as dictionaries of Python's values."""
        return self.table.to_pylist()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.pylist())


def library(name: str) -> Any:
    """Import what is not one of the client's own. Raises MissingLibrary."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise MissingLibrary(f"{name} is not installed here: pip install {name}", name=name) from error


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None
