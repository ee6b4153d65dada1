"""The tier shared by hosts, on Redis.

Results are Arrow IPC streams, compressed by zstd; Redis itself forgets them when their lifetime ends. Every command
has a time limit, and nothing is retried here: a Redis that is gone, slow or full is a tier that fails.

Whatever else writes to the same Redis, an answer is not made of it: every value is sealed under its whole name (see
``sealed``), and one that is not what it should be is rejected, which is a miss. Names begin with the version of the
format and the namespace of the deployment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import pyarrow as pa
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateway.cache.redis_budget import COST, KEEP, TOTAL
from gateway.cache.sealed import OVERHEAD, Seal, Unsealed
from gateway.cache.serialization import entry_from_schema, with_header, without_header
from gateway.cache.tier import Entry, Purge, Replaced, Room, TierError, Validation, ValueRejected, succeeding
from gateway.errors import Diagnostic, SettingsInvalid
from gateway.model import Result

PREFIX = "query-gateway:2:"
"""What all names begin with."""
_TIMEOUT = 0.25
"""Seconds that one command may take: a few times a large value on a local network."""
_EXTEND = (
    "if redis.call('pttl', KEYS[1]) < tonumber(ARGV[1]) then return redis.call('pexpire', KEYS[1], ARGV[1]) "
    "else return 0 end"
)
_SWAP = (
    "if ARGV[6] == '' and (redis.call('get', KEYS[1]) or '') ~= ARGV[1] then return 0 end "
    "redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3]) "
    "if ARGV[4] ~= '' then "
    "local entry = {KEYS[2], 'maxlen', '~', '100000', '*', 'host', ARGV[5], 'question', ARGV[4]} "
    "local told = redis.pcall('xadd', unpack(entry)) "
    "if type(told) == 'table' and told.err then redis.call('del', KEYS[2]) redis.call('xadd', unpack(entry)) end "
    "redis.call('pexpire', KEYS[2], '86400000') end return 1"
)
"""Replace a validation unless it was replaced since it was read, and tell of the question where its answer is another.

What was read is passed over where it is no validation, and begun anew what is no stream.
"""
_ATTEMPTS = 8
"""Times that a validation is read and replaced while others replace it, before it is given up."""
_PAGE = 5_000
_TOGETHER, _SENT = 64, 4 * 2**20
"""Results that are asked for in one round trip, and bytes that are sent in one."""
_HEAD = 1_048_576
"""Bytes that the header of a result takes at most; the rows come after it."""
_LARGEST_VALIDATION = 1_048_576
"""Bytes of the longest value that is taken for a validation."""
_OTHER_TYPE = "WRONGTYPE"
_NO_SEAL = Seal()
_UNREADABLE = (pa.ArrowException, OSError, KeyError, TypeError, ValueError, AttributeError)
"""What reading a value raises that another release wrote, or nobody."""


def connect(url: str) -> redis.Redis:
    """Make a client that gives up quickly and never retries; it connects when it is first used.

    Raises ``SettingsInvalid`` for an address with options that the library does not know.
    """
    try:
        client = redis.Redis.from_url(
            url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, retry=Retry(NoBackoff(), 0)
        )
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # options are looked at here, and not before
    except (TypeError, ValueError, redis.RedisError) as error:
        message = "cache.redis: the address has an option after '?' that is unknown or has a wrong value"
        hint = "write redis://host:6379/0; options are those of redis-py, such as ?username=…&password=…"
        raise SettingsInvalid([Diagnostic(path="gateway.toml", message=message, hint=hint)]) from error
    return client


class RedisTier:
    """Keep results of up to *largest* bytes, compressed, in Redis, under the names of a *namespace*.

    *kind* keeps them apart from those of another tier, and together they take *size* bytes at most; None: as many as
    there are. *host* is the name of this one in the change feed.
    """

    name = "redis"

    def __init__(
        self,
        client: redis.Redis,
        *,
        largest: int,
        kind: str = "result",
        host: str = "",
        namespace: str = "",
        seal: Seal = _NO_SEAL,
        size: int | None = None,
    ) -> None:
        self._client, self._largest, self._host, self._seal, self._size = client, largest, host, seal, size
        self._expiries, self._sizes = (f"{PREFIX}{namespace}:{kind}-{what}" for what in ("expiries", "sizes"))
        self._results, self._validations = f"{PREFIX}{namespace}:{kind}:", f"{PREFIX}{namespace}:mark:"
        self._feed = _feed_name(namespace)

    def result(self, key: str) -> Result | None:
        name = f"{self._results}{key}"
        return self._unpacked(name, self._read(name, self._largest))

    def results(self, keys: Iterable[str]) -> Mapping[str, Result | ValueRejected]:
        found: dict[str, Result | ValueRejected] = {}
        for some in _of_count(list(keys), _TOGETHER):
            pipeline = self._client.pipeline(transaction=False)
            for key in some:
                pipeline.getrange(f"{self._results}{key}", 0, self._largest + OVERHEAD)
            replies = self._asked(partial(pipeline.execute, raise_on_error=False))
            for key, reply in zip(some, replies, strict=True):
                result = self._replied(f"{self._results}{key}", reply)
                if result is not None:
                    found[key] = result
        return found

    def put(self, result: Result, *, lifetime: float) -> bool:
        value = self._sealed(result)
        if value is None:
            return False
        return bool(self._asked(lambda: self._keep(self._client, f"{self._results}{result.key}", value, lifetime)))

    def put_all(self, results: Sequence[Result], *, lifetime: float) -> None:
        for some in _of_bytes(self._values(results), _SENT):
            pipeline = self._client.pipeline(transaction=False)
            for name, value in some:
                self._keep(pipeline, name, value, lifetime)
            self._asked(pipeline.execute)

    def extend(self, key: str, *, lifetime: float) -> None:
        expiry = max(1, int(lifetime * 1000))
        self._asked(lambda: self._client.eval(_EXTEND, 1, f"{self._results}{key}", str(expiry)))

    def validation(self, question: str) -> Validation | None:
        name = f"{self._validations}{question}"
        return self._decoded(name, self._read(name, _LARGEST_VALIDATION))

    def put_validation(self, question: str, validation: Validation, *, lifetime: float) -> Replaced:
        name, expiry = f"{self._validations}{question}", max(1, int(lifetime * 1000))
        for _ in range(_ATTEMPTS):
            value, before, foreign = self._before(name)
            kept = succeeding(before, validation)
            told = "" if before is not None and before.key == kept.key else question
            new = self._seal.seal(name, kept.encode())
            swap = partial(
                self._client.eval, _SWAP, 2, name, self._feed, value, new, str(expiry), told, self._host, foreign
            )
            if self._asked(swap):
                return Replaced(before)
        raise TierError("a validation is replaced too often")

    def entries(self) -> Iterator[Entry]:
        yield from (entry for _, entry in self._described())

    def drop(self, which: Purge) -> int:
        found = [key for key, entry in self._described() if which.matches(entry)]
        return sum(self._asked(partial(self._client.delete, key)) for key in found)

    def close(self) -> None:
        self._client.close()

    def room(self) -> Room:
        """Tell how full it is: what is bounded here by its bytes, all else by what Redis tells of its memory."""
        if self._size is not None:
            return Room(used=self.used, bound=self._size)
        told = self._asked(self._memory)
        return Room(used=told.get("used_memory"), bound=told.get("maxmemory") or None)

    def _memory(self) -> Mapping[str, int]:
        try:
            return dict(self._client.info("memory"))
        except redis.ResponseError:  # its user may not ask this
            self._client.ping()
            return {}

    @property
    def used(self) -> int:
        """Bytes that are kept, where they are bounded."""
        return int(self._asked(lambda: self._client.hget(self._sizes, TOTAL)) or 0)

    def _keep(self, client: redis.Redis, name: str, value: bytes, lifetime: float) -> Any:
        """Keep a value for so many seconds; *client* may be a pipeline."""
        expiry = max(1, int(lifetime * 1000))
        if self._size is None:
            return client.set(name, value, px=expiry)
        return client.eval(KEEP, 3, self._expiries, self._sizes, name, value, str(expiry), str(self._size), str(COST))

    def _before(self, name: str) -> tuple[bytes, Validation | None, str]:
        """Return the value under the name of a validation, the validation, and a word where it is something else."""
        value = b""
        try:
            value = self._read(name, _LARGEST_VALIDATION)
            return value, self._decoded(name, value), ""
        except ValueRejected:
            return value[:1], None, "foreign"

    def _decoded(self, name: str, value: bytes) -> Validation | None:
        content = self._opened(name, value)
        if content is None:
            return None
        validation = Validation.decode(bytes(content))
        if validation is None:
            raise ValueRejected("no validation")
        return validation

    def _read(self, name: str, largest: int) -> bytes:
        """Return what is kept under a name, nothing where there is nothing. Raises ``ValueRejected``."""
        return self._bounded(self._asked(lambda: self._client.getrange(name, 0, largest + OVERHEAD)), largest)

    def _bounded(self, value: bytes, largest: int) -> bytes:
        """Return a value that is not too large. Raises ``ValueRejected``."""
        if len(value) > largest + OVERHEAD:
            raise ValueRejected("too large")
        return value

    def _opened(self, name: str, value: bytes) -> memoryview | None:
        """Return the content of a value. Raises ``ValueRejected``."""
        if not value:
            return None
        try:
            return self._seal.unseal(name, value)
        except Unsealed as error:
            raise ValueRejected("unverified") from error

    def _unpacked(self, name: str, value: bytes) -> Result | None:
        content = self._opened(name, value)
        if content is None:
            return None
        try:
            return without_header(pa.ipc.open_stream(pa.py_buffer(content)).read_all())
        except _UNREADABLE as error:
            raise ValueRejected(f"no result: {type(error).__name__}") from error

    def _replied(self, name: str, reply: Any) -> Result | ValueRejected | None:
        """Return the result in one of several replies. Raises ``TierError``."""
        try:
            with _as_tier_error():
                if isinstance(reply, redis.RedisError):
                    raise reply
                return self._unpacked(name, self._bounded(reply, self._largest))
        except ValueRejected as rejected:
            return rejected

    def _values(self, results: Iterable[Result]) -> Iterator[tuple[str, bytes]]:
        """Return the names and values of those results that are not too large."""
        for result in results:
            value = self._sealed(result)
            if value is not None:
                yield f"{self._results}{result.key}", value

    def _sealed(self, result: Result) -> bytes | None:
        """Return what is kept of a result; None for one that is too large."""
        content = _packed(result)
        if content.size > self._largest:
            return None
        return self._seal.seal(f"{self._results}{result.key}", memoryview(content))

    def _described(self) -> Iterator[tuple[bytes, Entry]]:
        """Read the headers of all results, and no more of them than these.

        So much cannot be verified: a result that is described wrongly is not served either.
        """
        keys: list[bytes] = self._asked(lambda: list(self._client.scan_iter(f"{self._results}*", count=1_000)))
        for key in keys:
            with suppress(ValueRejected, *_UNREADABLE):  # it expired, or is not ours to read
                head = self._asked(partial(self._client.getrange, key, OVERHEAD, OVERHEAD + _HEAD))
                size = self._asked(partial(self._client.strlen, key))
                yield key, entry_from_schema(pa.ipc.open_stream(head).schema, size)

    def _asked(self, command: Callable[[], Any]) -> Any:
        with _as_tier_error():
            return command()


class RedisChangeFeed:
    """The questions that were given another answer by some host, in the order in which they were.

    *host* is the name of this one, whose own answers it knows.
    """

    def __init__(self, client: redis.Redis, *, host: str, namespace: str = "") -> None:
        self._client, self._host, self._last = client, host, b""
        self._feed = _feed_name(namespace)

    def begin(self) -> None:
        """Read on from the newest, not from the last that was read. Raises ``TierError``."""
        with _as_tier_error():
            newest: Any = self._client.xrevrange(self._feed, count=1)
        self._last = newest[0][0] if newest else b"0"

    def read(self) -> list[str]:
        """Return the questions of other hosts since the last call. Raises ``TierError``."""
        found: list[str] = []
        while True:
            with _as_tier_error():
                answer: Any = self._client.xread({self._feed: self._last}, count=_PAGE)
            entries = answer[0][1] if answer else []
            found += [
                one.get(b"question", b"").decode(errors="replace")
                for _, one in entries
                if one.get(b"host") != self._host.encode()
            ]
            if entries:
                self._last = entries[-1][0]
            if len(entries) < _PAGE:
                return found

    def close(self) -> None:
        self._client.close()


@contextmanager
def _as_tier_error() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        if str(error).startswith(_OTHER_TYPE):
            raise ValueRejected("another type") from error
        raise TierError(type(error).__name__) from error


def _of_count(keys: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    return (keys[first : first + most] for first in range(0, len(keys), most))


def _of_bytes(values: Iterable[tuple[str, bytes]], most: int) -> Iterator[list[tuple[str, bytes]]]:
    """Group names and values by what is sent together: *most* bytes, or one value."""
    some: list[tuple[str, bytes]] = []
    for name, value in values:
        if some and sum(len(one) for _, one in some) + len(value) > most:
            yield some
            some = []
        some.append((name, value))
    if some:
        yield some


def _feed_name(namespace: str) -> str:
    return f"{PREFIX}{namespace}:answers"


def _packed(result: Result) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    table = with_header(result)
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return sink.getvalue()
