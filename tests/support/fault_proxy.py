"""A proxy in front of an S3 server that fails on purpose: what a store does on a bad day, request by request.

It passes requests on as they came, ``Host`` included, so signatures stay right. What happens to each is decided by a
*program*: a function that is handed the request and returns the fault it meets, or None. Programs may be
exchanged at any moment, and the proxy can vanish (connections refused) and come back at the same port.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from urllib.parse import parse_qs, unquote, urlsplit

PIECE = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: ``kind`` is GET, HEAD, LIST, PUT …, ``path`` is decoded and starts with the bucket.

    The path of a LIST ends with its prefix.
    """

    number: int
    kind: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to one request; the parts combine. Times are in seconds."""

    name: str
    delay: float = 0.0
    """Nothing is answered for so long."""
    status: int | None = None
    """Answer this, without asking the server."""
    retry_after: int | None = None
    reset: str | None = None
    """Cut the connection by RST: ``before`` the answer's headers, or ``after`` them."""
    keep: float = 1.0
    """Part of the body that is sent before the connection ends, though the length promises all of it."""
    trickle: float = 0.0
    """Send the body in a hundred pieces with this pause between them."""
    etag: str | None = None
    """Give the answer this ETag; the empty text leaves it out."""
    early: Callable[[], object] | None = None
    """Called before the server is asked, e.g. to replace an object."""
    between: Callable[[], object] | None = None
    """Called when half of the body was sent."""


LATE = Fault(name="late", delay=0.3)
BUSY = Fault(name="503", status=503)
BUSY_FOR = Fault(name="503 retry-after", status=503, retry_after=1)
THROTTLED = Fault(name="429", status=429)
BROKEN = Fault(name="500", status=500)
RESET = Fault(name="reset", reset="before")
RESET_LATER = Fault(name="reset in body", reset="after", keep=0.5)
CUT = Fault(name="truncated body", keep=0.5)
SLOW = Fault(name="slow body", trickle=0.005)
PASSING = (LATE, BUSY, BUSY_FOR, THROTTLED, BROKEN, RESET, RESET_LATER, CUT, SLOW)
"""Faults that pass by themselves: asked again, the store answers."""

Program = Callable[[Asked], Fault | None]


def sound(asked: Asked) -> Fault | None:
    """Let every request through."""
    return None


def always(fault: Fault, *kinds: str) -> Program:
    """Let every request of these *kinds* (all where none is named) meet *fault*."""
    return lambda asked: fault if not kinds or asked.kind in kinds else None


def share(part: float, faults: Sequence[Fault], seed: int) -> Program:
    """Let that *part* of the requests meet one of *faults* each, as *seed* decides."""
    choose = random.Random(seed)

    def program(asked: Asked) -> Fault | None:
        return choose.choice(faults) if choose.random() < part else None

    return program


def once(fault: Fault, matches: Callable[[Asked], bool]) -> Program:
    """Let the first request that *matches* meet *fault*."""
    left = [fault]
    return lambda asked: left.pop() if left and matches(asked) else None


@dataclass(slots=True, kw_only=True)
class FaultProxy:
    """The proxy; ``start`` and ``stop`` it, or use it in a ``with``. ``server`` is the endpoint of the real one."""

    server: str
    port: int
    program: Program = sound
    requests: Counter[str] = field(default_factory=Counter)
    """Requests seen, by kind."""
    faults: Counter[str] = field(default_factory=Counter)
    """Faults met, by name."""
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: Thread | None = None
    _listener: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def asked(self) -> int:
        """Count the requests seen."""
        return sum(self.requests.values())

    def __enter__(self) -> FaultProxy:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, or listen again."""
        ready = Event()

        def run() -> None:
            loop = self._loop = asyncio.new_event_loop()
            self._listener = loop.run_until_complete(
                asyncio.start_server(self._serve, "127.0.0.1", self.port, reuse_address=True, limit=2**20)
            )
            ready.set()
            loop.run_forever()
            loop.run_until_complete(_ended())
            loop.close()

        self._thread = Thread(target=run, name="fault-proxy", daemon=True)
        self._thread.start()
        assert ready.wait(10), "the proxy does not start"

    def stop(self) -> None:
        """Vanish: open connections are cut, new ones refused. Idempotent."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._vanish)
        self._thread.join()
        self._loop = self._thread = None

    def _vanish(self) -> None:
        assert self._listener is not None
        assert self._loop is not None
        self._listener.close()
        for writer in list(self._open):
            writer.transport.abort()
        self._loop.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(_header(head, b"content-length") or 0)
                body = await reader.readexactly(length) if length else b""
                if server is None:
                    parts = urlsplit(self.server)
                    server = await asyncio.open_connection(parts.hostname, parts.port, limit=2**20)
                if not await self._answer(head, body, server, writer):
                    return
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            return
        finally:
            self._open.discard(writer)
            for each in (writer, *(server or ())[1:]):
                each.close()

    async def _answer(
        self,
        head: bytes,
        body: bytes,
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        client: asyncio.StreamWriter,
    ) -> bool:
        """Answer one request; tell whether the connection can be used for another."""
        asked = self._asked(head)
        fault = self.program(asked) or Fault(name="")
        if fault.name:
            self.faults[fault.name] += 1
        if fault.early is not None:
            await _called(fault.early)
        await asyncio.sleep(fault.delay)
        if fault.reset == "before":
            return _reset(client)
        if fault.status is not None:
            client.write(_refusal(fault, head))
            await client.drain()
            return True
        server[1].write(head + body)
        await server[1].drain()
        answer = await server[0].readuntil(b"\r\n\r\n")
        while answer.startswith(b"HTTP/1.1 100"):
            answer = await server[0].readuntil(b"\r\n\r\n")
        content = b"" if asked.kind == "HEAD" else await _content(answer, server[0])
        client.write(_relabelled(answer, fault.etag, None if asked.kind == "HEAD" else len(content)))
        return await _sent(content, fault, client)

    def _asked(self, head: bytes) -> Asked:
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        parts = urlsplit(target)
        listing = method == "GET" and "list-type=2" in parts.query
        kind = "LIST" if listing else method
        self.requests[kind] += 1
        path = unquote(parts.path)
        if listing:
            path = f"{path.rstrip('/')}/{parse_qs(parts.query).get('prefix', [''])[0]}"
        return Asked(number=self.asked, kind=kind, path=path)


async def _sent(content: bytes, fault: Fault, client: asyncio.StreamWriter) -> bool:
    """Send a body as *fault* wants it."""
    kept = content[: int(len(content) * fault.keep)]
    step = max(1, len(kept) // 100) if fault.trickle else PIECE
    half = len(kept) // 2
    between = fault.between
    for start in range(0, len(kept), step):
        if between is not None and start >= half:
            await client.drain()
            await _called(between)
            between = None
        client.write(kept[start : start + step])
        await client.drain()
        await asyncio.sleep(fault.trickle)
    if fault.reset == "after":
        await client.drain()
        return _reset(client)
    return fault.keep >= 1.0


async def _called(function: Callable[[], object]) -> None:
    """Call what may take a while without holding up the other connections."""
    await asyncio.get_running_loop().run_in_executor(None, function)


async def _content(answer: bytes, server: asyncio.StreamReader) -> bytes:
    """Read the body of an answer; a chunked one is put together."""
    if b" 304 " in answer[:20] or b" 204 " in answer[:20]:
        return b""
    if _header(answer, b"transfer-encoding") is None:
        return await server.readexactly(int(_header(answer, b"content-length") or 0))
    pieces = []
    while (size := int((await server.readuntil(b"\r\n")).split(b";")[0], 16)) > 0:
        pieces.append(await server.readexactly(size))
        await server.readexactly(2)
    await server.readuntil(b"\r\n")
    return b"".join(pieces)


async def _ended() -> None:
    """Let the connections that were cut end."""
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _header(head: bytes, name: bytes) -> bytes | None:
    for line in head.split(b"\r\n")[1:]:
        found, _, value = line.partition(b":")
        if found.strip().lower() == name:
            return value.strip()
    return None


def _relabelled(answer: bytes, etag: str | None, length: int | None) -> bytes:
    """Write the head of an answer with the length of its body, and another ETag where one is wanted."""
    first, *lines = answer.rstrip(b"\r\n").split(b"\r\n")
    dropped = {b"transfer-encoding"} | ({b"etag"} if etag is not None else set())
    if length is not None:
        dropped.add(b"content-length")
    lines = [line for line in lines if line.partition(b":")[0].strip().lower() not in dropped]
    if etag:
        lines.append(b"Etag: " + etag.encode())
    if length is not None:
        lines.append(b"Content-Length: " + str(length).encode())
    return b"\r\n".join([first, *lines]) + b"\r\n\r\n"


def _refusal(fault: Fault, head: bytes) -> bytes:
    code = {503: "SlowDown", 429: "SlowDown", 500: "InternalError", 403: "AccessDenied"}.get(fault.status or 0, "Error")
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>on purpose</Message></Error>'.encode()
    lines = [f"HTTP/1.1 {fault.status} On Purpose", "Content-Type: application/xml", f"Content-Length: {len(body)}"]
    if fault.retry_after is not None:
        lines.append(f"Retry-After: {fault.retry_after}")
    answer = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return answer if head.startswith(b"HEAD ") else answer + body


def _reset(client: asyncio.StreamWriter) -> bool:
    """End a connection by RST; nothing more can be sent on it."""
    found: socket.socket = client.get_extra_info("socket")
    with suppress(OSError):
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.transport.abort()
    return False
