"""Open the tiers that keep results, their leases, and the Redis that hosts share."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from typing import Any

from gateway.app.memory_split import split_memory
from gateway.cache.change_feed import ChangeListener
from gateway.cache.cooldown import Cooldown
from gateway.cache.epochs import Epochs
from gateway.cache.fault_tolerant import FaultTolerantTier
from gateway.cache.files import FileTier
from gateway.cache.memory import MemoryTier
from gateway.cache.partials import Partials
from gateway.cache.purges import PurgeLog
from gateway.cache.results import ResultCache
from gateway.cache.sealed import Seal
from gateway.cache.spool import Spool
from gateway.cache.summaries import DISK, LARGEST, NEAR, Summaries
from gateway.cache.tier import Tier
from gateway.cache.write_behind import WriteQueue, WrittenBehind
from gateway.engine.priority import FILLING, give_way
from gateway.errors import Diagnostic, SettingsInvalid
from gateway.execution.leases import Lease, Leases, MachineLease
from gateway.execution.single_flight import SingleFlight
from gateway.settings import Settings
from gateway.telemetry.events import Observer

_QUEUED, _MOST_QUEUED = 1 / 16, 32 * 2**20
"""Part of the memory for kept results in which they wait to be written to the farther tiers, and its bytes at most."""
_ELSEWHERE = 32
"""Answers that a worker may wait for while other processes compute them."""


def open_epochs(settings: Settings) -> Epochs:
    """Open the shared memory in which the processes of a machine publish their answers."""
    return Epochs(settings.state / "board.1")


def open_cache(
    settings: Settings, observe: Observer, epochs: Epochs | None = None, cooldown: Cooldown | None = None
) -> ResultCache:
    """Open the tiers, nearest first. All clients of Redis share *cooldown*, and leave it alone while that lasts."""
    folder, cache = settings.state / "results", settings.cache
    budget, epochs = split_memory(settings), epochs or open_epochs(settings)
    near, apart = int(budget.cache * cache.partials), int(cache.disk * cache.partials)
    queued, drops = min(int(budget.cache * _QUEUED), _MOST_QUEUED), settings.state / "drops.jsonl"
    queue = WriteQueue(queued, observe=observe, purges=PurgeLog(drops, epochs))
    memory = MemoryTier(budget.cache - near - queued, share=cache.share, observe=observe)
    disk = FaultTolerantTier(FileTier(folder, cache.disk - apart), observe)
    tiers: list[Tier] = [memory, WrittenBehind(disk, queue)]
    partials: list[Tier] = []
    held: dict[str, Callable[[], int]] = {}
    if cache.partials:
        files = FileTier(settings.state / "partials", apart)
        nearest = MemoryTier(near, share=cache.share, observe=observe)
        partials = [nearest, WrittenBehind(FaultTolerantTier(files, observe), queue)]
        held["near"] = lambda: nearest.used
    summaries = FileTier(settings.state / "summaries", DISK)
    summed: list[Tier] = [MemoryTier(NEAR, share=1.0), WrittenBehind(FaultTolerantTier(summaries, observe), queue)]
    if cache.redis is not None:
        redis, cooldown = _redis(), cooldown or Cooldown()
        corner = {"namespace": cache.namespace, "seal": _seal(settings)}
        shared = redis.RedisTier(
            redis.connect(cache.redis), largest=cache.redis_value, host=f"{epochs.machine:x}", **corner
        )
        tiers.append(WrittenBehind(FaultTolerantTier(shared, observe, cooldown=cooldown), queue))
        far = redis.RedisTier(redis.connect(cache.redis), largest=LARGEST, kind="summary", **corner)
        summed.append(WrittenBehind(FaultTolerantTier(far, observe, cooldown=cooldown), queue))
        if cache.partials:
            client = redis.connect(cache.redis)
            kept = redis.RedisTier(client, largest=cache.redis_value, kind="partial", size=apart, **corner)
            partials.append(WrittenBehind(FaultTolerantTier(kept, observe, cooldown=cooldown), queue))
            held["shared"] = lambda: kept.used
    return ResultCache(
        tiers,
        clock=time.time,
        ceiling=cache.max_stale,
        epochs=epochs,
        purges=PurgeLog(drops, epochs),
        encodings=memory,
        summaries=Summaries(summed),
        partials=Partials(partials, behind=queue, **held),
        behind=queue,
    )


def open_spool(settings: Settings) -> Spool | None:
    """Open the spool of results in splits, after removing what is left over in it; None: there is to be none."""
    splits = settings.splits
    if not splits.spool:
        return None
    folder = settings.state / "spool" if splits.spool_folder is None else settings.project / splits.spool_folder
    spool = Spool(folder, size=splits.spool, ttl=splits.spool_ttl)
    spool.sweep()
    return spool


def open_leases(settings: Settings, observe: Observer, cooldown: Cooldown) -> Lease:
    """Open the leases of the machine, and of the hosts where there are several; *cooldown* as in ``open_cache``."""
    cache = settings.cache
    leases: list[Lease] = [MachineLease(settings.state / "flights.lock")]
    if cache.redis is not None:
        client = _redis().connect(cache.redis)
        lease = import_module("gateway.cache.redis_lease").RedisLease
        leases.append(lease(client, observe, namespace=cache.namespace, cooldown=cooldown))
    return Leases(leases)


def open_single_flight(settings: Settings, lease: Lease) -> SingleFlight:
    """Open what computes equal answers once, under *lease*."""
    # More than run or wait for a slot: others wait for what another process computes.
    most = split_memory(settings).slots + settings.engine.queue + _ELSEWHERE
    pool = ThreadPoolExecutor(most, "fill", initializer=partial(give_way, FILLING))
    return SingleFlight(lease, pool, max_in_flight=most)


def _seal(settings: Settings) -> Seal:
    secret = settings.cache.redis_secret
    return Seal(None if secret is None else secret.get_secret_value())


def listen_to_hosts(settings: Settings, cache: ResultCache, epochs: Epochs, stack: ExitStack) -> None:
    """Follow what other hosts answer, where there are others."""
    if settings.cache.redis is not None:
        redis = _redis()
        feed = redis.RedisChangeFeed(
            redis.connect(settings.cache.redis), host=f"{epochs.machine:x}", namespace=settings.cache.namespace
        )
        listener = ChangeListener(feed, cache)
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
