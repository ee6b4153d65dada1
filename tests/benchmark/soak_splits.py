"""Splits read by processes to which everything happens at random: each row has to come once, whatever ends or breaks.

Eight processes read the 64 splits of an answer through a proxy that cuts connections, refuses and delays, and write
each into a file of its own. Meanwhile web workers, the engine and the readers themselves are killed, and results on
disk are lost. Run it as a script (``make soak``); ``--kills`` says how much is to happen. It ends with 1 where a row
is missing or came twice, where a plan was another one, or where a reader failed.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).parents[2] / "gateway/client"))
from fault_proxy import BUSY, CUT, RESET, RESET_LATER, Fault, FaultProxy, share
from numbers_table import ALL, ROWS, TEXTS, ids, make_project
from process_tree import Role, end, of_role
from processes import gateway_server
from query_gateway_client import Client, Plan, Retry
from seaweed import free_ports
from soaks import AT_MOST, SEED, chosen, conclude, end_of, made
from waiting import wait_for

SPLITS, READERS, WORKERS = 64, 8, 2
EACH = 25
"""Incidents at most while one answer is read."""
SETTINGS = {"MEMORY": "1600MiB", "CACHE_MAX_RESULT": "256KiB", "SERVER_WORKERS": WORKERS, "ENGINE_SLOTS": 8}
FAULTS = (BUSY, RESET, RESET_LATER, CUT, Fault(name="late", delay=0.02))
PATIENT = Retry(times=200, first=0.01, longest=0.5)


@dataclass(slots=True, kw_only=True)
class Report:
    """What happened, and what was not as it should be."""

    incidents: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    """Answers that were read whole."""
    faults: list[str] = field(default_factory=list)


class Soak:
    """One run over a gateway: ``readers`` read answer after answer until so much has happened to them."""

    def __init__(self, proxy: FaultProxy, root: int, project: Path, folder: Path, seed: int) -> None:
        self.report = Report()
        self._proxy, self._root, self._project, self._folder = proxy, root, project, folder
        self._chooser = Random(seed)
        self._context = multiprocessing.get_context("fork")
        self._readers: list[BaseProcess] = []

    def run(self, kills: int, *, until: float = float("inf"), say: Callable[[str], None] = lambda text: None) -> Report:
        """Go on until *kills* incidents have happened, or to an instant of the monotonic clock."""
        report = self.report
        while report.incidents.total() < kills and time.monotonic() < until and not report.faults:
            query = sorted(TEXTS)[report.answers % len(TEXTS)]
            self._read_once(query, kills, self._folder / str(report.answers))
            report.answers += 1
            say(f"{query}: {dict(report.incidents)}, {self._proxy.faults.total()} requests failed on their way")
        return report

    def _read_once(self, query: str, kills: int, folder: Path) -> None:
        """Have all splits of an answer read while things happen; compare what was written."""
        folder.mkdir()
        most = min(kills, self.report.incidents.total() + EACH)
        self._readers = [self._started(query, folder) for _ in range(READERS)]
        while not _is_done(folder) and self.report.incidents.total() < most:
            self._incident(query, folder)
            if self._chooser.random() < 0.3:  # so that somebody comes far between some of them
                wait_for(partial(_has_come_further, folder, _written(folder)), "a split to be read")
            self._note_failures(folder)
        for reader in self._readers:
            reader.join()
        self._note_failures(folder)
        self._compare(query, folder)

    def _incident(self, query: str, folder: Path) -> None:
        name, happens = self._chooser.choice(
            (
                *(("end of a reader", partial(self._end_reader, query, folder)),) * 5,
                *(("end of a web worker", self._end_worker),) * 3,
                ("end of the engine", self._end_engine),
                ("loss of what is on disk", self._lose_spool),
            )
        )
        happens()
        self.report.incidents[name] += 1

    def _end_reader(self, query: str, folder: Path) -> None:
        number = self._chooser.randrange(READERS)
        self._readers[number].kill()
        self._readers[number].join()
        self._readers[number] = self._started(query, folder)

    def _end_worker(self) -> None:
        wait_for(lambda: len(of_role(self._root, Role.WORKER)) == WORKERS, "all web workers")
        victim = end(self._root, Role.WORKER)
        wait_for(lambda: not victim.alive, "the end of a web worker")

    def _end_engine(self) -> None:
        end(self._root, Role.ENGINE)

    def _lose_spool(self) -> None:
        for file in (self._project / ".gateway/spool").glob("*.rows"):
            file.unlink(missing_ok=True)

    def _started(self, query: str, folder: Path) -> BaseProcess:
        reading = (self._proxy.endpoint, query, folder, self._chooser.randrange(10**6))
        process = self._context.Process(target=read_splits, args=reading, daemon=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it is forked beside the threads of the proxy
            process.start()
        return process

    def _note_failures(self, folder: Path) -> None:
        self.report.faults += [path.read_text() for path in folder.glob("failed-*")]

    def _compare(self, query: str, folder: Path) -> None:
        plans = [path.name for path in folder.glob("plan-*")]
        if len(plans) != 1:
            self.report.faults.append(f"{query} has the plans {plans}")
        found = np.concatenate([np.fromfile(folder / str(number), np.int64) for number in range(SPLITS)])
        if not np.array_equal(np.sort(found), np.arange(ROWS)):
            self.report.faults.append(f"{query}: {len(found)} rows, {len(np.unique(found))} of them once, of {ROWS}")


def read_splits(url: str, query: str, folder: Path, seed: int) -> None:
    """Write each split that nobody has written into a file of its own, which is there whole or not at all."""
    try:
        with Client(url, cache=folder / "kept", retry=PATIENT) as qg:
            plan = _plan(qg, query, folder)
            for split in Random(seed).sample(plan.splits, SPLITS):
                if not (written := folder / str(split.number)).exists():
                    with qg.split(split, keep=seed % 2 == 0) as stream:
                        np.array(ids(stream), np.int64).tofile(draft := folder / f"new-{seed}")
                    draft.replace(written)
    except Exception:  # noqa: BLE001 - told by the process that compares
        (folder / f"failed-{seed}").write_text(traceback.format_exc())


def _plan(qg: Client, query: str, folder: Path) -> Plan:
    plan = qg.splits(query, below=ALL, splits=SPLITS)
    (folder / f"plan-{plan.id}").touch()
    return plan


def _written(folder: Path) -> int:
    return sum(path.name.isdecimal() for path in folder.iterdir())


def _is_done(folder: Path) -> bool:
    return _written(folder) == SPLITS or any(folder.glob("failed-*"))


def _has_come_further(folder: Path, before: int) -> bool:
    return _written(folder) > before or _is_done(folder)


@contextmanager
def soaking(folder: Path, seed: int) -> Iterator[Soak]:
    """Serve a table of numbers behind a proxy that fails."""
    project, written = made(folder / "project"), made(folder / "written")
    make_project(project)
    [port] = free_ports(1)
    with (
        gateway_server(project, SETTINGS) as server,
        FaultProxy(server=f"http://127.0.0.1:{server.port}", port=port, program=share(0.15, FAULTS, seed)) as proxy,
    ):
        yield Soak(proxy, server.process.pid, project, written, seed)


@click.command()
@click.option("--kills", default=1_000, show_default=True, help="How much is to happen.")
@AT_MOST
@SEED
def main(kills: int, minutes: float | None, seed: int | None) -> None:
    """Let everything happen to those who read splits, and print what became of it."""
    with TemporaryDirectory() as place, soaking(Path(place), chosen(seed)) as soak:
        report = soak.run(kills, until=end_of(minutes), say=lambda text: print(text, flush=True))
    print(f"{report.answers} answers, {report.incidents.total()} incidents: each row once" if not report.faults else "")
    conclude(report.faults)


if __name__ == "__main__":
    main()
