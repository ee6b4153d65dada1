"""Open the connections to the clusters that the settings name, where they name some."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from gateway.app.engines import access, silence
from gateway.app.memory_split import split_memory
from gateway.catalog.location import local_folder
from gateway.catalog.store import Store, open_store
from gateway.cluster.current_versions import CurrentVersions
from gateway.cluster.proofs import Proofs
from gateway.config import FILE_NAME
from gateway.engine.instance import BUCKETS
from gateway.errors import Diagnostic, Rule, SettingsInvalid
from gateway.execution.elsewhere import Elsewhere
from gateway.execution.wholes import Wholes
from gateway.plan.planner import Planner
from gateway.plan.spark.planner import SparkPlanner
from gateway.settings import Settings
from gateway.telemetry.events import Observer

_SENT, _SENT_BESIDE_SPOOL = 512 * 2**20, 64 * 2**20
"""Bytes of an answer that Spark sends, where nothing is set; beside a spool they are held until it has ended."""
_ALONE = 8
"""A machine without its cluster computes so many times what it does beside it, where nothing is set."""


class ClusterOpener:
    """The connections of this process to its clusters, and what computes there for tables in some locations."""

    def __init__(self, settings: Settings, observe: Observer) -> None:
        """Connect in the background. Raises ``SettingsInvalid`` where an extra is missing."""
        self._settings, self._observe = settings, observe
        self._connection = self._spark = self._spool = None
        if settings.cluster.spark is not None:
            self._spark = _spark().SparkConnection(settings.cluster.spark.get_secret_value(), observe)
            self._spark.start()
            self._spool = self._open_spool()
        if settings.cluster.dask is not None:
            self._connection = _dask().Connection(settings.cluster.dask, _certificates(settings), observe)
            self._connection.start()

    def reaching(self, locations: Sequence[str]) -> Elsewhere | None:
        """Return what chooses between this machine and the cluster; None: there is no cluster."""
        settings = self._settings
        if self._connection is None:
            return None
        storage = access(settings.storage)
        above, alone = self._bounds()
        cluster = _dask().DaskCluster(
            connection=self._connection,
            locations=tuple(locations),
            access=storage if any(place.startswith(BUCKETS) for place in locations) else None,
            http_timeout=silence(settings.storage),
            use_ssl=storage.use_ssl,
        )
        return Elsewhere(cluster=cluster, above=above, alone=alone)

    def wholes(self, planner: Planner) -> Wholes | None:
        """Return what chooses between this machine and Spark for what *planner* plans; None: there is no Spark."""
        if self._spark is None:
            return None
        settings = self._settings
        above, alone = self._bounds()
        cluster = _spark().SparkCluster(
            connection=self._spark,
            changed=CurrentVersions(settings.storage, settings.project, self._observe).changed,
            scheme=settings.cluster.spark_scheme,
            largest=self._largest(),
            spool=self._spool,
        )
        proven = Proofs(settings.project).has
        return Wholes(cluster=cluster, planner=SparkPlanner(planner), proven=proven, above=above, alone=alone)

    def _open_spool(self) -> Any:
        """Open the place for answers that Spark does not send; None: there is none."""
        settings, location = self._settings, self._settings.cluster.spark_spool
        if location is None:
            return None

        def opened() -> Store:
            return open_store(location, settings.storage, settings.project, observe=self._observe)

        spool = import_module("gateway.cluster.spark_spool").SparkSpool(
            opened,
            location=location,
            local=local_folder(location, settings.project),
            folder=settings.state / "spark",
            largest=settings.cluster.spark_spool_size,
            observe=self._observe,
        )
        spool.start()
        return spool

    def _largest(self) -> int:
        given = self._settings.cluster
        if given.spark_largest is not None:
            return given.spark_largest
        return _SENT if given.spark_spool is None else _SENT_BESIDE_SPOOL

    def _bounds(self) -> tuple[int, int]:
        """Return the bytes above which a cluster computes, and those up to which this machine does without it."""
        given = self._settings.cluster
        above = split_memory(self._settings).engine if given.above is None else given.above
        return above, _ALONE * above if given.alone is None else given.alone

    def close(self) -> None:
        """Leave the clusters; idempotent."""
        if self._spark is not None:
            self._spark.close()
        if self._spool is not None:
            self._spool.close()
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
    return _extra("gateway.cluster.dask", "dask", "Dask")


def _spark() -> Any:
    """Return the module of Spark, whose client is an extra too."""
    return _extra("gateway.cluster.spark", "spark", "the client of Spark")


def _extra(module: str, name: str, what: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        hint = f"pip install 'query-gateway[{name}]'"
        message = f"cluster.{name} is set, and {what} is not installed"
        raise SettingsInvalid([Diagnostic(path=FILE_NAME, message=message, hint=hint, rule=Rule.SETTINGS)]) from error
