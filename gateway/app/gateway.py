"""Open the pipeline of a project from its settings, and close what it opened."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import cast

from gateway.access.limits import UNLIMITED, Charge
from gateway.app.cluster import ClusterOpener
from gateway.app.engine_processes import EngineProcesses
from gateway.app.engines import open_engine
from gateway.app.memory_split import split_memory
from gateway.app.named_snapshots import open_named_snapshots
from gateway.app.own_places import refuse_misplaced
from gateway.app.result_tiers import (
    listen_to_hosts,
    open_cache,
    open_epochs,
    open_leases,
    open_single_flight,
    open_spool,
)
from gateway.app.state import deployment, make_state
from gateway.cache.cooldown import Cooldown
from gateway.cache.epochs import Epochs
from gateway.cache.recent_questions import RecentQuestions
from gateway.catalog.catalog import Catalog
from gateway.catalog.store import open_store, place_of, root_of
from gateway.catalog.table import Table
from gateway.concurrency.backoff import Backoff
from gateway.concurrency.ticker import Ticker
from gateway.engine.current import Engines, Reaching
from gateway.engine.rows import one_row
from gateway.execution.admission import Admission, Slots
from gateway.execution.claims import Claims
from gateway.execution.executor import Executor
from gateway.execution.gathering import Gatherer
from gateway.execution.memory_budget import MemoryBudget
from gateway.execution.partial_sizes import PartialSizes
from gateway.execution.planning import Planning
from gateway.execution.run import Execution
from gateway.execution.runner import PlanRunner
from gateway.execution.slow_log import SlowLog
from gateway.execution.stores import Place, Stores
from gateway.model import Column, Statement
from gateway.pipeline import Gateway
from gateway.plan.dynamic import DimensionReader
from gateway.plan.fold.algebra import VERSION as FOLDED_BYTES
from gateway.plan.fold.fold import FoldPlanner
from gateway.plan.planner import Planner
from gateway.project.checkout import commit_of
from gateway.project.loader import Project, ProjectLoader
from gateway.settings import Settings
from gateway.telemetry.events import Observer
from gateway.warm import wanted

_SWEEPING = 60.0
"""Seconds at most between two looks for results in splits that nobody reads any more."""
_DESCRIBING = 5.0
"""Seconds in which the columns of partials are found, or else the query is computed as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The pipeline of a project, and what builds the next one when its files changed; see ``Reloader``."""

    gateway: Gateway
    epochs: Epochs
    project: Project
    loader: ProjectLoader
    build: Callable[[Gateway, Project], Gateway]


@contextmanager
def open_gateway(
    settings: Settings, *, observe: Observer, background: bool, charge: Charge = UNLIMITED.charge
) -> Iterator[Gateway]:
    """Open the pipeline of a project; in the *background* its manifests are kept fresh. Raises ``GatewayError``.

    *charge* receives the bytes that are scanned for a principal.

    Errors in declarations do not stop it: what is right is served. Call it in the process that uses it, after a fork.
    """
    with open_pipeline(settings, observe=observe, background=background, charge=charge) as opened:
        yield opened.gateway


@contextmanager
def open_pipeline(
    settings: Settings,
    *,
    observe: Observer,
    background: bool,
    charge: Charge = UNLIMITED.charge,
    processes: EngineProcesses | None = None,
) -> Iterator[Opened]:
    """Open the pipeline of a project as ``open_gateway`` does, with what a reload needs.

    The engines run in *processes* of their own; None: in this one.
    """
    split_memory(settings)  # what is wrong with the settings is said before anything is made
    loader = ProjectLoader(settings.project, commit=commit_of)
    project = loader.read()
    loader.accept(project)
    make_state(settings.state)
    with ExitStack() as stack:
        builder = _GatewayBuilder(settings, observe=observe, charge=charge, stack=stack, processes=processes)
        gateway = builder.first(project)
        if background:
            gateway.catalog.start()
            listen_to_hosts(settings, builder.cache, builder.epochs, stack)
            if gateway.spool is not None:
                sweeping = Ticker("spool", gateway.spool.sweep, lambda: min(_SWEEPING, settings.splits.spool_ttl))
                stack.callback(sweeping.close)
                sweeping.start()
        yield Opened(gateway=gateway, epochs=builder.epochs, project=project, loader=loader, build=builder.following)


@contextmanager
def open_catalog(settings: Settings, *, observe: Observer) -> Iterator[Catalog]:
    """Open the tables of a project alone, without background work. Raises ``GatewayError``."""
    loader = ProjectLoader(settings.project, commit=commit_of)
    make_state(settings.state)
    with ExitStack() as stack:
        builder = _GatewayBuilder(settings, observe=observe, charge=UNLIMITED.charge, stack=stack, processes=None)
        catalog = builder.catalog(loader.read().tables)
        stack.callback(catalog.close)
        yield catalog


class _GatewayBuilder:
    """Builds the first gateway of a project, and the following ones of the same parts when declarations change.

    What it opens is closed by *stack*.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        observe: Observer,
        charge: Charge,
        stack: ExitStack,
        processes: EngineProcesses | None,
    ) -> None:
        self._settings, self._observe, self._charge, self._stack = settings, observe, charge, stack
        self._processes = processes
        self._cluster = ClusterOpener(settings, observe)
        stack.callback(self._cluster.close)
        self._engines: Engines[Reaching] = Engines(self._open_engine)
        stack.callback(self._engines.close)
        self.epochs = open_epochs(settings)
        self._redis_cooldown = Cooldown()  # what is found out for one of its clients is known to all
        self._lease = open_leases(settings, observe, self._redis_cooldown)
        stack.callback(self._lease.close)  # after the cache, which has results written until then
        self.cache = open_cache(settings, observe, self.epochs, self._redis_cooldown)
        stack.callback(self.cache.close)
        self._named = open_named_snapshots(settings, observe)
        if self._named is not None:
            stack.callback(self._named.close)

    def first(self, project: Project) -> Gateway:
        """Build the gateway of *project*."""
        settings = self._settings
        places = _places(settings, project.tables)
        engine = self._engines.reaching(_roots(places))
        stores = Stores(places, observe=self._observe)
        catalog = self.catalog(project.tables)
        self._stack.callback(catalog.close)
        dimensions = _dimensions(settings, engine, stores, catalog)
        planner = Planner(engine.evaluate, dimensions, with_facts=catalog.with_facts)
        origin = f"{version('query-gateway')}/{settings.cache.namespace}/{FOLDED_BYTES}"
        runner = PlanRunner(
            execution=self._execution(engine),
            planning=Planning(
                catalog=catalog,
                folds=_folds(planner, engine, settings.cache.partials_from),
                engine=engine.name,
                origin=origin,
            ),
            stores=stores,
            timeout=settings.engine.timeout,
            gatherer=self._gatherer(engine),
            wholes=self._cluster.wholes(planner),
        )
        in_flight = open_single_flight(settings, self._lease)
        executor = Executor(cache=self.cache, in_flight=in_flight, runner=runner, refreshes=Backoff(time.time))
        self._stack.callback(executor.close)
        return Gateway(
            registry=project.registry,
            cache=self.cache,
            executor=executor,
            origin=origin,
            client_control=settings.cache.client_control,
            recent=RecentQuestions(settings.state / "usage", wanted(project.registry)),
            spool=open_spool(settings),
        )

    def following(self, previous: Gateway, project: Project) -> Gateway:
        """Build the gateway of changed declarations, of the parts of the one before as far as they fit."""
        if project.tables == previous.catalog.tables:
            return replace(previous, registry=project.registry)
        settings, before = self._settings, cast(Reaching, previous.engine)
        places = _places(settings, project.tables)
        engine = self._engines.reaching(_roots(places), rather=before)
        stores = previous.runner.stores.succeeded_by(places)
        catalog = self.catalog(project.tables, previous=previous.catalog)
        dimensions = _dimensions(settings, engine, stores, catalog)
        planner = previous.planning.planner.succeeded_by(engine.evaluate, dimensions, catalog.with_facts)
        planning = replace(
            previous.planning,
            catalog=catalog,
            folds=_folds(planner, engine, settings.cache.partials_from),
            engine=engine.name,
        )
        execution = replace(previous.runner.execution, engine=engine)
        gatherer = previous.runner.gatherer
        if gatherer is not None:
            gatherer = replace(gatherer, elsewhere=self._cluster.reaching(engine.locations))
        runner = replace(
            previous.runner,
            execution=execution,
            planning=planning,
            stores=stores,
            gatherer=gatherer,
            wholes=self._cluster.wholes(planner),
        )
        return replace(previous, registry=project.registry, executor=previous.executor.over(runner))

    def catalog(self, tables: Mapping[str, Table], previous: Catalog | None = None) -> Catalog:
        """Open the catalog of *tables*. Raises ``SettingsInvalid`` where the gateway would write among their files."""
        settings, observe = self._settings, self._observe
        refuse_misplaced(settings, tables)
        return Catalog(
            tables,
            state=settings.state,
            open_store=lambda location: open_store(location, settings.storage, settings.project, observe=observe),
            describe=self._engines.describe,
            observer=observe,
            announce=self.epochs.announce,
            place=lambda table: place_of(table.location, settings.storage, settings.project),
            deployment=deployment(settings),
            previous=previous,
            named=self._named,
        )

    def _gatherer(self, engine: Reaching) -> Gatherer | None:
        if not self._settings.cache.partials:
            return None
        return Gatherer(
            partials=self.cache.partials,
            claims=Claims(self._lease),
            sizes=PartialSizes(),
            elsewhere=self._cluster.reaching(engine.locations),
        )

    def _execution(self, engine: Reaching) -> Execution:
        settings, memory = self._settings, split_memory(self._settings)
        return Execution(
            engine=engine,
            admission=self._slots(memory.slots),
            charge=self._charge,
            observe=self._observe,
            max_result=memory.max_result,
            budget=MemoryBudget(memory.gathered, share=memory.share),
            slow=_slow_log(settings, self._observe),
            export_timeout=settings.engine.export_timeout,
        )

    def _open_engine(self, locations: Sequence[str], number: int) -> Reaching:
        settings = self._settings
        if self._processes is not None:
            return self._processes.engine(locations)
        return open_engine(
            locations,
            number,
            engine=settings.engine,
            storage=settings.storage,
            state=settings.state,
            memory=split_memory(settings).engine,
            observe=self._observe,
        )

    def _slots(self, slots: int) -> Slots:
        if self._processes is not None:
            return self._processes.slots()
        engine = self._settings.engine
        return Admission(slots=slots, queue=engine.queue, wait=engine.wait, cheap=engine.cheap, observe=self._observe)


def _slow_log(settings: Settings, observe: Observer) -> SlowLog | None:
    log = settings.log
    return SlowLog(after=log.slow, observe=observe, engine_plan=log.engine_plan) if log.slow > 0 else None


def _dimensions(settings: Settings, engine: Reaching, stores: Stores, catalog: Catalog) -> DimensionReader:
    read = one_row(engine, seconds=settings.engine.timeout, check=stores.refuse_broken)
    return DimensionReader.over(read, engine.address, catalog.with_facts)


def _folds(planner: Planner, engine: Reaching, least: int) -> FoldPlanner:
    def describe(statement: Statement) -> tuple[Column, ...]:
        return engine.columns(statement, deadline=time.monotonic() + _DESCRIBING)

    return FoldPlanner(planner, engine.evaluate, describe, least=least)


def _roots(places: Mapping[str, Sequence[Place]]) -> list[str]:
    """Return what an engine must be able to read."""
    return [place.root for of_table in places.values() for place in of_table]


def _places(settings: Settings, tables: Mapping[str, Table]) -> Mapping[str, Sequence[Place]]:
    def places(table: Table) -> list[Place]:
        locations = (table.location, *table.replicas)
        return [Place(location=each, root=root_of(each, settings.project)) for each in locations]

    return {name: places(table) for name, table in tables.items()}
