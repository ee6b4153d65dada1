"""Leases among hosts, on the Redis that they share."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any
from uuid import uuid4

import redis

from gateway.cache.cooldown import Cooldown
from gateway.cache.redis import PREFIX
from gateway.concurrency.ticker import Ticker
from gateway.telemetry.events import Observer, TierFailed

_LEASE_MS = 1_500
"""Milliseconds after which the lease of a holder that died is free again."""
_HEARTBEAT = 0.5
"""Seconds between two renewals of the leases that are held: three fit in a lease."""
_TAKE = (
    "if redis.call('set', KEYS[1], ARGV[1], 'nx', 'px', ARGV[2]) then return 1 end "
    "local left = redis.call('pttl', KEYS[1]) "
    "if left >= 0 and left <= tonumber(ARGV[2]) then return 0 end "
    "redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2]) return 1"
)
"""Take a lease that nobody holds: what does not expire as a lease does is none."""
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"
_RENEW = (
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end"
)


class RedisLease:
    """Leases among hosts: a key that expires by itself, renewed while its holder lives (SET NX PX, and a token).

    Where Redis fails, every lease is free: hosts then work side by side rather than wait for nobody. While it rests,
    nothing is asked of it.
    """

    def __init__(
        self, client: redis.Redis, observe: Observer, *, namespace: str = "", cooldown: Cooldown | None = None
    ) -> None:
        self._client, self._observe = client, observe
        self._prefix = f"{PREFIX}{namespace}:lease:"
        self._cooldown = Cooldown() if cooldown is None else cooldown
        self._token, self._lock, self._held = uuid4().hex, Lock(), set[str]()
        self._ticker = Ticker("redis-lease", self._renew, lambda: _HEARTBEAT)
        self._ticker.start()

    def take(self, key: str) -> bool:
        return self.take_all([key]) == [key]

    def take_all(self, keys: Sequence[str]) -> list[str]:
        taken = self._tried("take", _TAKE, keys, str(_LEASE_MS))
        if taken is None:
            return list(keys)
        held = [key for key, done in zip(keys, taken, strict=True) if done]
        with self._lock:
            self._held.update(held)
        return held

    def release(self, key: str) -> None:
        self.release_all([key])

    def release_all(self, keys: Sequence[str]) -> None:
        with self._lock:
            held = [key for key in keys if key in self._held]
            self._held.difference_update(held)
        self._tried("release", _RELEASE, held)

    def close(self) -> None:
        self._ticker.close()
        self.release_all(list(self._held))
        self._client.close()

    def _renew(self) -> None:
        with self._lock:
            held = list(self._held)
        self._tried("renew", _RENEW, held, str(_LEASE_MS))

    def _tried(self, operation: str, script: str, keys: Sequence[str], *arguments: str) -> list[Any] | None:
        """Run a script on leases, in one round trip; return what it returns, None where Redis fails or rests."""
        if not keys:
            return []
        if not self._cooldown.permits():
            return None
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.eval(script, 1, f"{self._prefix}{key}", self._token, *arguments)
        try:
            done = pipeline.execute()
        except redis.RedisError as error:
            self._cooldown.failed()
            self._observe(TierFailed(tier="redis", operation=f"lease {operation}", error=type(error).__name__))
            return None
        self._cooldown.succeeded()
        return done
