"""Opens what builds the datasets of a project."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.access.base import QUERY, Access
from gateway.access.opening import open_access
from gateway.catalog.location import local_folder
from gateway.catalog.store import Store, open_store, place_of, storage_errors
from gateway.catalog.table import Table
from gateway.catalog.versions import Versions
from gateway.datasets.build import Builder, no_dataset
from gateway.errors import TableInvalid
from gateway.model import Principal
from gateway.pipeline import Gateway
from gateway.project.loader import load_tables
from gateway.settings import Settings

_MEMORY = 2**30


def open_builder(
    settings: Settings, gateway: Gateway, *, memory: int = _MEMORY, access: Access | None = None
) -> Builder:
    """Return what builds the datasets of a project over an open gateway; *memory* is for sorting, in bytes.

    *access* tells what principals are granted; None: as the settings say.
    """

    def opened(table: Table) -> Store:
        folder = local_folder(table.location, settings.project)
        if folder is not None:
            with storage_errors(table.location):
                folder.mkdir(parents=True, exist_ok=True)
        return open_store(table.location, settings.writing, settings.project, observe=gateway.observe)

    def may_ask(principal: Principal, query: str) -> bool:
        granted = access or open_access(settings.project, settings.access, gateway.observe)
        return granted.may(principal, QUERY, query)

    return Builder(
        gateway=gateway,
        open_store=opened,
        place=lambda table: place_of(table.location, settings.storage, settings.project),
        locks=settings.state / "builds",
        memory=memory,
        may_ask=may_ask,
    )


def declared_datasets(settings: Settings, name: str | None = None) -> Mapping[str, Table]:
    """Return the datasets that a project declares, by name. Raises ``TableNotFound`` where one is *name* and not there.

    Raises ``TableInvalid`` where it may be among declarations with mistakes.
    """
    tables, diagnostics = load_tables(settings.project)
    found = {each: table for each, table in tables.items() if table.query is not None}
    if name is not None and name not in found:
        if diagnostics:
            raise TableInvalid(diagnostics)
        raise no_dataset(name, found)
    return found


def open_versions(settings: Settings, table: Table) -> Versions | None:
    """Open the versions of a dataset, also to name them; None where its folder is not there: nothing was built."""
    folder = local_folder(table.location, settings.project)
    if folder is not None and not folder.is_dir():
        return None
    return Versions(open_store(table.location, settings.writing, settings.project))
