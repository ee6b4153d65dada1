"""Open the pipeline of a project from its settings, and own what of it must be closed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, cast
from urllib.parse import urlsplit

from gateway.access.limits import UNLIMITED, Charge
from gateway.budget import budget_of
from gateway.cache.board import Board
from gateway.cache.fault_tolerant import FaultTolerantTier
from gateway.cache.files import FileTier
from gateway.cache.flight import Flights, Lease, Leases, MachineLease
from gateway.cache.memory import MemoryTier
from gateway.cache.news import Listener
from gateway.cache.purges import PurgeLog
from gateway.cache.recent_questions import RecentQuestions
from gateway.cache.rest import Rest
from gateway.cache.sealed import Seal
from gateway.cache.summaries import DISK, LARGEST, NEAR, Summaries
from gateway.cache.tier import Tier
from gateway.cache.tiered import Results
from gateway.catalog.catalog import Catalog
from gateway.catalog.store import CredentialChain, S3Settings, open_store, place_of, region, root_of
from gateway.catalog.table import Table
from gateway.config import EngineSettings as EngineSection
from gateway.config import Settings
from gateway.engine.current import Engines
from gateway.engine.duckdb import DuckDBEngine
from gateway.engine.instance import BUCKETS, Credentials, EngineSettings, S3Access
from gateway.engine.priority import FILLING, give_way, giving_way
from gateway.engine.rows import one_row
from gateway.engine.spill import spill_folder
from gateway.errors import Diagnostic, SettingsInvalid
from gateway.execution.admission import Admission
from gateway.execution.slow_log import SlowLog
from gateway.execution.stores import Place, Stores
from gateway.memory_budget import MemoryBudget
from gateway.pipeline import Gateway
from gateway.plan.dynamic import Dimensions
from gateway.plan.planner import Planner
from gateway.project.checkout import commit_of
from gateway.project.loader import Project, ProjectLoader
from gateway.telemetry.events import Observer
from gateway.warm import wanted

_ELSEWHERE = 32
"""Answers that a worker may wait for while other processes compute them."""
_STATE_FILES = (
    *("cursor.key", "drops.jsonl", "flights.lock", "limits.db", "reload", "vitals.lock"),
    *("usage/questions.jsonl", "usage/questions.lock", "usage/warmer.lock", "tables/refresher.lock"),
)
_STATE_FOLDERS = ("calls", "metrics", "tables", "tmp", "usage")
"""What a server cannot do without; the folders of the cache may be missing."""
_SILENCE = 5
"""Seconds that a bucket may be silent under a query; setting ``storage.timeout`` lower shortens it."""


def make_state(folder: Path) -> None:
    """Make the state folder where it is missing.

    Raises ``SettingsInvalid`` where nothing can be written to it, or where something else stands in the place of one
    of its files and folders.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
        wrong = [*_misplaced(folder)]
    except OSError as error:
        message = f"the state folder cannot be written ({error.strerror})"
        hint = "set GATEWAY_STATE to a folder that can"
        raise SettingsInvalid([Diagnostic(path="state", message=message, hint=hint)]) from error
    if wrong:
        raise SettingsInvalid(wrong)


def _misplaced(folder: Path) -> Iterator[Diagnostic]:
    """Find what stands in the place of a file or folder of the state folder and is none, or cannot be written."""
    places = [(folder / name, False) for name in _STATE_FILES] + [(folder / name, True) for name in _STATE_FOLDERS]
    for place, is_folder in (*places, *((lock, False) for lock in folder.glob("tables/*/lock"))):
        if place.exists() and (place.is_dir() != is_folder or not os.access(place, os.W_OK)):
            name, kind = place.relative_to(folder), "folder" if is_folder else "file"
            message = f"{name} in the state folder is not a {kind} that the gateway can write"
            hint = "remove it, or set GATEWAY_STATE to another folder"
            yield Diagnostic(path="state", message=message, hint=hint)


def calls_folder(settings: Settings) -> Path:
    """Return the folder of the counts of who calls what."""
    return settings.state / "calls"


def deployment(settings: Settings) -> str:
    """Name the processes that serve one project, among all that use its state folder."""
    parts = f"{settings.project.resolve()}\0{settings.cache.namespace}"
    return blake2b(parts.encode(), digest_size=8).hexdigest()


def reload_signal(settings: Settings) -> Path:
    """Return the file that asks all workers of a machine to reload when it is touched."""
    return settings.state / "reload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The pipeline of a project, and what builds the next one when its files changed; see ``Reloader``."""

    gateway: Gateway
    board: Board
    project: Project
    loader: ProjectLoader
    build: Callable[[Gateway, Project], Gateway]


@contextmanager
def open_gateway(
    settings: Settings, *, observe: Observer, background: bool, charge: Charge = UNLIMITED.charge
) -> Iterator[Gateway]:
    """Open the pipeline of a project; in the *background* its manifests are kept fresh. Raises ``GatewayError``.

    *charge* is told the bytes that are scanned for a principal.

    Mistakes in declarations do not stop it: what is right is served. Call it in the process that uses it, after a fork.
    """
    with open_pipeline(settings, observe=observe, background=background, charge=charge) as opened:
        yield opened.gateway


@contextmanager
def open_pipeline(
    settings: Settings, *, observe: Observer, background: bool, charge: Charge = UNLIMITED.charge
) -> Iterator[Opened]:
    """Open the pipeline of a project as ``open_gateway`` does, with what a reload needs."""
    budget = budget_of(settings)
    loader = ProjectLoader(settings.project, commit=commit_of)
    project = loader.read()
    loader.accept(project)
    make_state(settings.state)
    with ExitStack() as stack:
        engines = Engines(partial(_open_engine, settings, observe))
        stack.callback(engines.close)
        engine = engines.reaching(_locations(settings, project.tables))
        stores = Stores(_places(settings, project.tables), observe=observe)
        board = open_board(settings)
        catalog = partial(
            Catalog,
            state=settings.state,
            open_store=lambda location: open_store(location, settings.storage, settings.project, observe=observe),
            describe=engines.describe,
            observer=observe,
            announce=board.announce,
            place=lambda table: place_of(table.location, settings.storage, settings.project),
            deployment=deployment(settings),
        )
        first = catalog(project.tables)
        stack.callback(first.close)
        results = open_results(settings, observe, board)
        stack.callback(results.close)
        if background:
            first.start()
            _listen(settings, results, board, stack)
        gateway = Gateway(
            registry=project.registry,
            catalog=first,
            planner=Planner(engine.evaluate, _dimensions(settings, engine, stores, first), inform=first.informed),
            results=results,
            engine=engine,
            stores=stores,
            admission=_admission(settings.engine, budget.slots, observe),
            observe=observe,
            timeout=settings.engine.timeout,
            max_result=budget.max_result,
            allowance=MemoryBudget(budget.gathered, share=budget.share),
            origin=f"{version('query-gateway')}/{settings.cache.namespace}",
            export_timeout=settings.engine.export_timeout,
            client_control=settings.cache.client_control,
            usage=RecentQuestions(settings.state / "usage", wanted(project.registry)),
            charge=charge,
            slow=_slow_log(settings, observe),
        )

        def build(previous: Gateway, project: Project) -> Gateway:
            """Make the gateway of other declarations, of the parts of the one before as far as they fit."""
            if project.tables == previous.catalog.tables:
                return replace(previous, registry=project.registry)
            before = cast(DuckDBEngine, previous.engine)
            engine = engines.reaching(_locations(settings, project.tables), rather=before)
            stores = previous.stores.succeeded_by(_places(settings, project.tables))
            following = catalog(project.tables, previous=previous.catalog)
            dimensions = _dimensions(settings, engine, stores, following)
            return replace(
                previous,
                registry=project.registry,
                catalog=following,
                planner=previous.planner.succeeded_by(engine.evaluate, dimensions, following.informed),
                engine=engine,
                stores=stores,
            )

        yield Opened(gateway=gateway, board=board, project=project, loader=loader, build=build)


def _slow_log(settings: Settings, observe: Observer) -> SlowLog | None:
    log = settings.log
    return SlowLog(after=log.slow, observe=observe, engine_plan=log.engine_plan) if log.slow > 0 else None


def _dimensions(settings: Settings, engine: DuckDBEngine, stores: Stores, catalog: Catalog) -> Dimensions:
    read = one_row(engine, seconds=settings.engine.timeout, check=stores.refuse_broken)
    return Dimensions.over(read, engine.address, catalog.informed)


def _locations(settings: Settings, tables: Mapping[str, Table]) -> list[str]:
    places = [place for table in tables.values() for place in (table.location, *table.replicas)]
    return [root_of(place, settings.project) for place in places]


def _admission(engine: EngineSection, slots: int, observe: Observer) -> Admission:
    return Admission(slots=slots, queue=engine.queue, wait=engine.wait, cheap=engine.cheap, observe=observe)


def _open_engine(settings: Settings, observe: Observer, locations: Sequence[str], number: int) -> DuckDBEngine:
    chosen = EngineSettings(
        locations=locations,
        temp_directory=str(spill_folder(settings.state / "tmp", number)),
        memory_limit=f"{budget_of(settings).engine}B",
        max_temp_size=f"{settings.engine.spill}B",
        threads=settings.engine.threads,
        s3=_access(settings.storage) if any(place.startswith(BUCKETS) for place in locations) else None,
        http_timeout=max(1, min(_SILENCE, round(settings.storage.timeout))),
    )
    return giving_way(lambda: DuckDBEngine.open(chosen, keyring=_keyring(settings.storage), observe=observe))


def _places(settings: Settings, tables: Mapping[str, Table]) -> Mapping[str, Sequence[Place]]:
    def places(table: Table) -> list[Place]:
        locations = (table.location, *table.replicas)
        return [Place(location=each, root=root_of(each, settings.project)) for each in locations]

    return {name: places(table) for name, table in tables.items()}


def _access(s3: S3Settings) -> S3Access:
    endpoint = urlsplit(s3.endpoint).netloc if s3.endpoint is not None else "s3.amazonaws.com"
    style = "path" if s3.path_style else "vhost"
    return S3Access(region=region(s3), endpoint=endpoint, url_style=style, use_ssl=s3.use_ssl)


def _keyring(s3: S3Settings) -> Callable[[], Credentials | None]:
    chain = CredentialChain(s3)

    def keys() -> Credentials | None:
        found = chain()
        if found is None:
            return None
        return Credentials(key_id=found.key, secret=found.secret, session_token=found.token)

    return keys


def open_board(settings: Settings) -> Board:
    """Open what the processes of the machine tell each other of answers."""
    return Board(settings.state / "board.1")


def open_results(settings: Settings, observe: Observer, board: Board | None = None) -> Results:
    """Open the tiers, nearest first, and the leases that go with the shared ones."""
    folder, cache = settings.state / "results", settings.cache
    budget, board = budget_of(settings), board or open_board(settings)
    memory = MemoryTier(budget.cache, share=cache.share, observe=observe)
    tiers: list[Tier] = [memory, FaultTolerantTier(FileTier(folder, cache.disk), observe)]
    apart = FileTier(settings.state / "summaries", DISK)
    summed: list[Tier] = [MemoryTier(NEAR, share=1.0), FaultTolerantTier(apart, observe)]
    leases: list[Lease] = [MachineLease(settings.state / "flights.lock")]
    if cache.redis is not None:
        redis = _redis()
        corner = {"namespace": cache.namespace, "seal": _seal(settings)}
        shared = redis.RedisTier(
            redis.connect(cache.redis), largest=cache.redis_value, host=f"{board.machine:x}", **corner
        )
        rest = Rest()  # what is found out for one of the three is known to all
        tiers.append(FaultTolerantTier(shared, observe, rest=rest))
        far = redis.RedisTier(redis.connect(cache.redis), largest=LARGEST, kind="summary", **corner)
        summed.append(FaultTolerantTier(far, observe, rest=rest))
        leases.append(redis.RedisLease(redis.connect(cache.redis), observe, namespace=cache.namespace, rest=rest))
    # More than run or wait for a slot: others wait for what another process computes.
    room = budget.slots + settings.engine.queue + _ELSEWHERE
    fills = ThreadPoolExecutor(room, "fill", initializer=partial(give_way, FILLING))
    return Results(
        tiers,
        Flights(Leases(leases), fills, room=room),
        clock=time.time,
        ceiling=cache.max_stale,
        board=board,
        drops=PurgeLog(settings.state / "drops.jsonl", board),
        encodings=memory,
        summaries=Summaries(summed),
    )


def _seal(settings: Settings) -> Seal:
    secret = settings.cache.redis_secret
    return Seal(None if secret is None else secret.get_secret_value())


def _listen(settings: Settings, results: Results, board: Board, stack: ExitStack) -> None:
    """Follow what other hosts answer, where there are others."""
    if settings.cache.redis is not None:
        redis = _redis()
        news = redis.RedisNews(
            redis.connect(settings.cache.redis), host=f"{board.machine:x}", namespace=settings.cache.namespace
        )
        listener = Listener(news, results)
        stack.callback(listener.close)
        listener.start()


def redis_pool(settings: Settings) -> Any:
    """Return connections with short time limits to the Redis that hosts share; None without one."""
    url = settings.cache.redis
    return None if url is None else _redis().connect(url).connection_pool


def _redis() -> Any:
    """Return the module of the Redis tier: its library is an extra, and is there only where it was asked for."""
    try:
        return import_module("gateway.cache.redis")
    except ModuleNotFoundError as error:
        hint = "pip install 'query-gateway[redis]'"
        message = "cache.redis is set, and the Redis client is not installed"
        raise SettingsInvalid([Diagnostic(path="gateway.toml", message=message, hint=hint)]) from error
