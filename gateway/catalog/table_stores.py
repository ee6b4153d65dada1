"""The object stores of one table: at its location and its replicas."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from gateway.catalog.store import Store
from gateway.catalog.table import Table
from gateway.errors import StorageFailed

OpenStore = Callable[[str], Store]
"""Open the store at a location. Raises ``StorageFailed``."""
Done = TypeVar("Done")


def _silent(location: str, error: StorageFailed) -> None:
    """Report nothing."""


class TableStores:
    """Opens the stores of a table; the one at its location stays open."""

    def __init__(self, table: Table, open_store: OpenStore) -> None:
        self._table = table
        self._open = open_store
        self._home: Store | None = None

    @property
    def home(self) -> Store:
        """The store at the table's own location. Raises ``StorageFailed``."""
        if self._home is None:
            self._home = self._open(self._table.location)
        return self._home

    def first(self, work: Callable[[Store], Done], on_replica: Callable[[str, StorageFailed], None] = _silent) -> Done:
        """Return what *work* returns at the table's own location or, where that fails, at the first replica.

        *on_replica* is called with the location of the replica that was used, and with the failure. Where all fail,
        the failure of the table's own location is raised.
        """
        try:
            return work(self.home)
        except StorageFailed as error:
            for location in self._table.replicas:
                with suppress(StorageFailed):
                    done = work(self._open(location))
                    on_replica(location, error)
                    return done
            raise
