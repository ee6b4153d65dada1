"""Load a gateway as thousands of clients do: connections that stay open, mostly hits, some new questions.

Run it as a script; it ends with 1 where a client saw an error or waited longer than the goal. The clients share the
machine with the gateway.
"""

from __future__ import annotations

import asyncio
import random
import resource
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import click

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from events import between, make_project, put
from nginx import Box

LONGEST = 1.0
"""Seconds that no client may wait."""
KNOWN = [(start, start + 7) for start in range(0, 350, 7)]
"""Questions that everybody asks; a new one is any other span of up to two weeks."""


@dataclass
class Seen:
    """What the clients saw: seconds by kind of question, and what was no answer."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {"hit": [], "new": []})
    fates: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


def target(start: int, end: int) -> str:
    return f"/v1/queries/amount/v1/result?{urlencode(between(start, end))}"


def new_questions() -> list[tuple[int, int]]:
    """List spans of days that nobody has asked about, in a mixed order that is the same in every run."""
    pairs = [
        (start, end)
        for start in range(360)
        for end in range(start + 1, min(start + 15, 366))
        if (start, end) not in KNOWN
    ]
    random.Random(7).shuffle(pairs)
    return pairs


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str) -> str:
    """Ask once over a connection that stays open; return what the cache said. Raises ``OSError`` on anything else."""
    writer.write(f"GET {address} HTTP/1.1\r\nHost: gateway\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    fields = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
    }
    await reader.readexactly(int(fields.get("content-length", 0)))
    status = head.split(" ", 2)[1]
    if status != "200":
        raise OSError(f"status {status}")
    return "hit" if "hit" in fields["cache-status"] else "miss"


async def client(seen: Seen, port: int, number: int, end: float, pause: float, new: list[tuple[int, int]]) -> None:
    """Ask one question each *pause* seconds until *end*, one in twenty of them new."""
    choose = random.Random(number)
    await asyncio.sleep(choose.random() * pause)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < end:
        kind = "new" if choose.random() < 0.05 else "hit"
        asked, started = new.pop() if kind == "new" else choose.choice(KNOWN), time.monotonic()
        try:
            seen.fates[await exchange(reader, writer, target(*asked))] += 1
        except (OSError, asyncio.IncompleteReadError) as error:
            seen.errors[str(error) or type(error).__name__] += 1
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        seen.seconds[kind].append(time.monotonic() - started)
        await asyncio.sleep(max(0.0, started + pause - time.monotonic()))
    writer.close()


async def load(port: int, clients: int, seconds: float, pause: float) -> Seen:
    seen, new = Seen(), new_questions()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for each in KNOWN:
        await exchange(reader, writer, target(*each))
    writer.close()
    end = time.monotonic() + seconds
    await asyncio.gather(*(client(seen, port, number, end, pause, new) for number in range(clients)))
    return seen


def show(seen: Seen, clients: int, seconds: float) -> bool:
    """Print what was seen; tell whether the goal was reached."""
    every = sorted(one for some in seen.seconds.values() for one in some)
    print(f"{clients:,} clients for {seconds:.0f} s: {len(every):,} requests, {len(every) / seconds:,.0f}/s")
    print(f"answered by the cache {seen.fates['hit'] / max(1, sum(seen.fates.values())):.1%}")
    for kind, some in seen.seconds.items():
        ranked = sorted(some) or [0.0]
        parts = (
            f"{name} {ranked[min(len(ranked) - 1, int(len(ranked) * share))] * 1000:,.0f} ms"
            for name, share in QUANTILES
        )
        print(f"  {kind}  {len(some):8,} requests   {', '.join(parts)}")
    late = sum(one > LONGEST for one in every)
    print(f"errors {dict(seen.errors) or 0}, over {LONGEST:.0f} s {late}    goal: no error, none over {LONGEST:.0f} s")
    return not seen.errors and late == 0


QUANTILES = (("median", 0.5), ("99 %", 0.99), ("99.9 %", 0.999), ("longest", 1.0))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--clients", default=2_000, show_default=True)
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--pause", default=5.0, show_default=True, help="Seconds from one request of a client to its next.")
def main(clients: int, seconds: float, pause: float) -> None:
    """Load a gateway, and print what its clients saw."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, clients + 4_096) if files > 0 else clients + 4_096, files))
    with TemporaryDirectory() as name:
        folder = Path(name)
        project = make_project(folder / "project", "cache: {ttl: 1h}")
        put(project, range(365), amount=1)
        gateway = Box(project, folder, free_port())
        try:
            seen = asyncio.run(load(gateway.port, clients, seconds, pause))
        finally:
            gateway.kill()
    sys.exit(0 if show(seen, clients, seconds) else 1)


if __name__ == "__main__":
    main()
