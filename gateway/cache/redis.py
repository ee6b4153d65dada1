"""The tier shared by hosts, on Redis, and the lease that goes with it.

Results are Arrow IPC streams, compressed by zstd; Redis itself forgets them when their lifetime ends. Every command
has a time limit, and nothing is retried here: a Redis that is gone, slow or full is a tier that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from threading import Event, Lock, Thread
from typing import Any
from uuid import uuid4

import orjson
import pyarrow as pa
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateway.cache.carried import carried_entry, with_header, without_header
from gateway.cache.tier import Drop, Entry, Mark, TierError
from gateway.model import Result
from gateway.observe import Observer, TierFailed

_PREFIX = "query-gateway:1:"
_TIMEOUT = 0.25
"""Seconds that one command may take: a few times a large value on a local network."""
_LEASE_MS = 1_500
"""Milliseconds after which the lease of a holder that died is free again."""
_HEARTBEAT = 0.5
"""Seconds between two renewals of the leases that are held: three fit in a lease."""
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"
_RENEW = (
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end"
)

_EXTEND = (
    "if redis.call('pttl', KEYS[1]) < tonumber(ARGV[1]) then return redis.call('pexpire', KEYS[1], ARGV[1]) "
    "else return 0 end"
)
_HEAD = 1_048_576
"""Bytes that the header of a result takes at most; the rows come after it."""


def connect(url: str) -> redis.Redis:
    """Make a client that gives up quickly and never retries."""
    return redis.Redis.from_url(
        url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, retry=Retry(NoBackoff(), 0)
    )


class RedisTier:
    """Keep results of up to *largest* bytes, compressed, in Redis."""

    name = "redis"

    def __init__(self, client: redis.Redis, *, largest: int) -> None:
        self._client, self._largest = client, largest

    def result(self, key: str) -> Result | None:
        value = self._asked(lambda: self._client.get(f"{_PREFIX}result:{key}"))
        if value is None:
            return None
        try:
            return without_header(pa.ipc.open_stream(value).read_all())
        except (pa.ArrowInvalid, KeyError, orjson.JSONDecodeError) as error:
            raise TierError(f"unreadable value: {type(error).__name__}") from error

    def keep(self, result: Result, *, lifetime: float) -> bool:
        value = _packed(result)
        if value.size > self._largest:
            return False
        key, expiry = f"{_PREFIX}result:{result.key}", max(1, int(lifetime * 1000))
        self._asked(lambda: self._client.set(key, memoryview(value), px=expiry))
        return True

    def extend(self, key: str, *, lifetime: float) -> None:
        expiry = max(1, int(lifetime * 1000))
        self._asked(lambda: self._client.eval(_EXTEND, 1, f"{_PREFIX}result:{key}", str(expiry)))

    def mark(self, question: str) -> Mark | None:
        value = self._asked(lambda: self._client.get(f"{_PREFIX}mark:{question}"))
        return None if value is None else Mark(**orjson.loads(value))

    def remember(self, question: str, mark: Mark, *, lifetime: float) -> None:
        key, expiry = f"{_PREFIX}mark:{question}", max(1, int(lifetime * 1000))
        self._asked(lambda: self._client.set(key, orjson.dumps(asdict(mark)), px=expiry))

    def entries(self) -> Iterator[Entry]:
        yield from (entry for _, entry in self._described())

    def drop(self, which: Drop) -> int:
        found = [key for key, entry in self._described() if which.matches(entry)]
        return sum(self._asked(partial(self._client.delete, key)) for key in found)

    def close(self) -> None:
        self._client.close()

    def _described(self) -> Iterator[tuple[bytes, Entry]]:
        """Read the headers of all results, and no more of them than these."""
        keys: list[bytes] = self._asked(lambda: list(self._client.scan_iter(f"{_PREFIX}result:*", count=1_000)))
        for key in keys:
            head = self._asked(partial(self._client.getrange, key, 0, _HEAD))
            size = self._asked(partial(self._client.strlen, key))
            with suppress(pa.ArrowInvalid, KeyError, orjson.JSONDecodeError):  # it expired, or is not ours to read
                yield key, carried_entry(pa.ipc.open_stream(head).schema, size)

    def _asked(self, command: Callable[[], Any]) -> Any:
        try:
            return command()
        except redis.RedisError as error:
            raise TierError(type(error).__name__) from error


class RedisLease:
    """Leases among hosts: a key that expires by itself, renewed while its holder lives (SET NX PX, and a token).

    Where Redis fails, every lease is free: hosts then work side by side rather than wait for nobody.
    """

    def __init__(self, client: redis.Redis, observe: Observer) -> None:
        self._client, self._observe = client, observe
        self._token, self._lock, self._held = uuid4().hex, Lock(), set[str]()
        self._closed = Event()
        self._heart = Thread(target=self._beat, name="redis-lease", daemon=True)
        self._heart.start()

    def take(self, key: str) -> bool:
        try:
            taken = bool(self._client.set(f"{_PREFIX}lease:{key}", self._token, nx=True, px=_LEASE_MS))
        except redis.RedisError as error:
            self._failed("take", error)
            return True
        if taken:
            with self._lock:
                self._held.add(key)
        return taken

    def release(self, key: str) -> None:
        with self._lock:
            self._held.discard(key)
        try:
            self._client.eval(_RELEASE, 1, f"{_PREFIX}lease:{key}", self._token)
        except redis.RedisError as error:
            self._failed("release", error)

    def close(self) -> None:
        self._closed.set()
        self._heart.join()
        for key in list(self._held):
            self.release(key)
        self._client.close()

    def _beat(self) -> None:
        while not self._closed.wait(_HEARTBEAT):
            with self._lock:
                held = list(self._held)
            for key in held:
                try:
                    self._client.eval(_RENEW, 1, f"{_PREFIX}lease:{key}", self._token, str(_LEASE_MS))
                except redis.RedisError as error:
                    self._failed("renew", error)

    def _failed(self, operation: str, error: redis.RedisError) -> None:
        self._observe(TierFailed(tier="redis", operation=f"lease {operation}", error=type(error).__name__))


def _packed(result: Result) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    table = with_header(result)
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return sink.getvalue()
