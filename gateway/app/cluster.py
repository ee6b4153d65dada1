"""Open the connection to the cluster that the settings name, where they name one."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from gateway.app.engines import access, silence
from gateway.app.memory_split import split_memory
from gateway.config import FILE_NAME, Settings
from gateway.engine.instance import BUCKETS
from gateway.errors import Diagnostic, Rule, SettingsInvalid
from gateway.execution.elsewhere import Elsewhere
from gateway.telemetry.events import Observer

_ALONE = 8
"""A machine without its cluster computes so many times what it does beside it, where nothing is set."""


class ClusterOpener:
    """The connection of this process to its cluster, and what computes there for tables in some locations."""

    def __init__(self, settings: Settings, observe: Observer) -> None:
        """Connect in the background. Raises ``SettingsInvalid`` where the extra is missing."""
        self._settings, self._connection = settings, None
        if settings.cluster.dask is not None:
            self._connection = _dask().Connection(settings.cluster.dask, _certificates(settings), observe)
            self._connection.start()

    def reaching(self, locations: Sequence[str]) -> Elsewhere | None:
        """Return what chooses between this machine and the cluster; None: there is no cluster."""
        settings = self._settings
        if self._connection is None:
            return None
        storage = access(settings.storage)
        above = settings.cluster.above
        above = split_memory(settings).engine if above is None else above
        alone = settings.cluster.alone
        cluster = _dask().DaskCluster(
            connection=self._connection,
            locations=tuple(locations),
            access=storage if any(place.startswith(BUCKETS) for place in locations) else None,
            http_timeout=silence(settings.storage),
            use_ssl=storage.use_ssl,
        )
        return Elsewhere(cluster=cluster, above=above, alone=_ALONE * above if alone is None else alone)

    def close(self) -> None:
        """Leave the cluster; idempotent."""
        if self._connection is not None:
            self._connection.close()


def _certificates(settings: Settings) -> Any:
    cluster = settings.cluster
    if cluster.ca is None or cluster.certificate is None or cluster.key is None:
        return None
    paths = {name: str(settings.project / getattr(cluster, name)) for name in ("ca", "certificate", "key")}
    return _dask().Certificates(**paths)


def _dask() -> Any:
    """Return the module of Dask: its library is an extra, and is there only where it was asked for."""
    try:
        return import_module("gateway.cluster.dask")
    except ModuleNotFoundError as error:
        hint = "pip install 'query-gateway[dask]'"
        message = "cluster.dask is set, and Dask is not installed"
        raise SettingsInvalid([Diagnostic(path=FILE_NAME, message=message, hint=hint, rule=Rule.SETTINGS)]) from error
