"""The tier shared by hosts, on Redis, and the lease that goes with it.

Results are Arrow IPC streams, compressed by zstd; Redis itself forgets them when their lifetime ends. Every command
has a time limit, and nothing is retried here: a Redis that is gone, slow or full is a tier that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
from gateway.cache.tier import Drop, Entry, Kept, Mark, TierError, succeeding
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
_SWAP = (
    "if (redis.call('get', KEYS[1]) or '') ~= ARGV[1] then return 0 end "
    "redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3]) "
    "if ARGV[4] ~= '' then "
    "redis.call('xadd', KEYS[2], 'maxlen', '~', '100000', '*', 'host', ARGV[5], 'question', ARGV[4]) "
    "redis.call('pexpire', KEYS[2], '86400000') end return 1"
)
"""Replace a mark unless it was replaced since it was read, and tell of the question where its answer is another."""
_ATTEMPTS = 8
"""Times that a mark is read and replaced while others replace it, until it is given up."""
_NEWS, _PAGE = f"{_PREFIX}answers", 5_000
_HEAD = 1_048_576
"""Bytes that the header of a result takes at most; the rows come after it."""


def connect(url: str) -> redis.Redis:
    """Make a client that gives up quickly and never retries."""
    return redis.Redis.from_url(
        url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, retry=Retry(NoBackoff(), 0)
    )


class RedisTier:
    """Keep results of up to *largest* bytes, compressed, in Redis.

    *kind* tells them from those of another tier; *host* is the name of this one in its news.
    """

    name = "redis"

    def __init__(self, client: redis.Redis, *, largest: int, kind: str = "result", host: str = "") -> None:
        self._client, self._largest, self._host = client, largest, host
        self._results = f"{_PREFIX}{kind}:"

    def result(self, key: str) -> Result | None:
        value = self._asked(lambda: self._client.get(f"{self._results}{key}"))
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
        key, expiry = f"{self._results}{result.key}", max(1, int(lifetime * 1000))
        self._asked(lambda: self._client.set(key, memoryview(value), px=expiry))
        return True

    def extend(self, key: str, *, lifetime: float) -> None:
        expiry = max(1, int(lifetime * 1000))
        self._asked(lambda: self._client.eval(_EXTEND, 1, f"{self._results}{key}", str(expiry)))

    def mark(self, question: str) -> Mark | None:
        value = self._asked(lambda: self._client.get(f"{_PREFIX}mark:{question}"))
        return None if value is None else Mark.decode(value)

    def remember(self, question: str, mark: Mark, *, lifetime: float) -> Kept:
        key, expiry = f"{_PREFIX}mark:{question}", max(1, int(lifetime * 1000))
        for _ in range(_ATTEMPTS):
            value = self._asked(lambda: self._client.get(key)) or b""
            before = Mark.decode(value)
            kept = succeeding(before, mark)
            told = "" if before is not None and before.key == kept.key else question
            swap = partial(self._client.eval, _SWAP, 2, key, _NEWS, value, kept.encode(), str(expiry), told, self._host)
            if self._asked(swap):
                return Kept(before)
        raise TierError("a mark is replaced too often")

    def entries(self) -> Iterator[Entry]:
        yield from (entry for _, entry in self._described())

    def drop(self, which: Drop) -> int:
        found = [key for key, entry in self._described() if which.matches(entry)]
        return sum(self._asked(partial(self._client.delete, key)) for key in found)

    def close(self) -> None:
        self._client.close()

    def _described(self) -> Iterator[tuple[bytes, Entry]]:
        """Read the headers of all results, and no more of them than these."""
        keys: list[bytes] = self._asked(lambda: list(self._client.scan_iter(f"{self._results}*", count=1_000)))
        for key in keys:
            head = self._asked(partial(self._client.getrange, key, 0, _HEAD))
            size = self._asked(partial(self._client.strlen, key))
            with suppress(pa.ArrowInvalid, KeyError, orjson.JSONDecodeError):  # it expired, or is not ours to read
                yield key, carried_entry(pa.ipc.open_stream(head).schema, size)

    def _asked(self, command: Callable[[], Any]) -> Any:
        with _as_tier_error():
            return command()


class RedisNews:
    """The questions that were given another answer by some host, in the order in which they were.

    *host* is the name of this one, whose own news it knows.
    """

    def __init__(self, client: redis.Redis, *, host: str) -> None:
        self._client, self._host, self._last = client, host, b""

    def begin(self) -> None:
        """Read on from the newest, not from the last that was read. Raises ``TierError``."""
        with _as_tier_error():
            newest: Any = self._client.xrevrange(_NEWS, count=1)
        self._last = newest[0][0] if newest else b"0"

    def read(self) -> list[str]:
        """Return the questions of other hosts since the last call. Raises ``TierError``."""
        found: list[str] = []
        while True:
            with _as_tier_error():
                answer: Any = self._client.xread({_NEWS: self._last}, count=_PAGE)
            entries = answer[0][1] if answer else []
            found += [one[b"question"].decode() for _, one in entries if one.get(b"host") != self._host.encode()]
            if entries:
                self._last = entries[-1][0]
            if len(entries) < _PAGE:
                return found

    def close(self) -> None:
        self._client.close()


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


@contextmanager
def _as_tier_error() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise TierError(type(error).__name__) from error


def _packed(result: Result) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    table = with_header(result)
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return sink.getvalue()
