"""Opens what builds the datasets of a project."""

from __future__ import annotations

from gateway.catalog.location import local_folder
from gateway.catalog.store import Store, open_store, storage_errors
from gateway.catalog.table import Table
from gateway.config import Settings
from gateway.datasets.build import Builder
from gateway.pipeline import Gateway

_MEMORY = 2**30


def open_builder(settings: Settings, gateway: Gateway, *, memory: int = _MEMORY) -> Builder:
    """Return what builds the datasets of a project over an open gateway; *memory* is for sorting, in bytes."""

    def opened(table: Table) -> Store:
        folder = local_folder(table.location, settings.project)
        if folder is not None:
            with storage_errors(table.location):
                folder.mkdir(parents=True, exist_ok=True)
        return open_store(table.location, settings.storage, settings.project, observe=gateway.observe)

    return Builder(gateway=gateway, open_store=opened, locks=settings.state / "builds", memory=memory)
