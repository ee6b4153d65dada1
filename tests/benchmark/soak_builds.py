"""A dataset that is built again and again by workers which are killed at random moments.

Each round rewrites every source with the round's number and asks for a build over HTTP. The worker that builds is
killed (-9) at random moments, until the build is done. Meanwhile the dataset is read: it has one number in all rows, of
this round or of the one before, and never goes back. Partitions that were finished before a kill are in the version
that comes of the build as they were: nobody has computed them again. Run it as a script (``make soak``); it ends with
1 where something is not so.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from built_tables import Sales
from processes import gateway_server
from soaks import AT_MOST, SEED, chosen, conclude, end_of
from waiting import wait_for

from gateway.access.keys import KeyFile

DAYS, SHOPS, MOST = 60, ("a", "b", "c"), 3
"""Partitions, rows of each, and kills of one build at most."""
SUMS = "SELECT CAST(ts AS DATE) AS d, shop, sum(amount) AS s FROM sales GROUP BY ALL"
DECLARED = "partitioned_by: [{column: d, source: d}]"
READ = "SELECT min(s) AS least, max(s) AS most, count(*) AS n FROM built"
SETTINGS = '[snapshots]\nlocation = "kept"\n[access]\nrequired = true\n'
GRANTS = 'grants:\n  - {to: [ana], queries: ["*"], tables: ["*"], actions: [build, read, refresh]}\n'
SERVED = {"SERVER_WORKERS": 2, "MEMORY": "1600MiB", "SERVER_DRAIN": "0s"}


@dataclass(slots=True, kw_only=True)
class Report:
    """What happened, and what was not as it should be."""

    builds: int = 0
    kills: int = 0
    reads: int = 0
    resumed: int = 0
    """Partitions that a build took over from a worker that was killed."""
    moments: Counter[str] = field(default_factory=Counter)
    """How far the builds were when their workers were killed."""
    faults: list[str] = field(default_factory=list)


class Soak:
    """One run over a server: builds, kills and reads until so many workers were killed."""

    def __init__(self, sales: Sales, port: int, key: str, seed: int) -> None:
        self.report = Report()
        self._sales, self._port, self._key = sales, port, key
        self._chooser = Random(seed)
        self._round = self._seen = 0
        self._made = sales.folder / "built"

    def run(self, kills: int, *, until: float = float("inf")) -> Report:
        """Go on until *kills* workers were killed, or to an instant of the monotonic clock."""
        report = self.report
        while (report.kills < kills or report.builds < 1) and time.monotonic() < until and not report.faults:
            self._build_once(min(MOST, kills - report.kills))
            print(f"{report.builds} builds, {report.kills} kills, {report.resumed} partitions taken over", flush=True)
        return report

    def _build_once(self, most: int) -> None:
        self._round += 1
        for day in range(DAYS):
            self._sales.put(day, [(shop, self._round) for shop in SHOPS])
        address = self._ask("POST", "/v1/datasets/built/builds")["url"]
        finished: dict[str, Any] = {}
        for _ in range(self._chooser.randint(1, max(1, most))):
            self._wait_for_files(address, self._chooser.randint(0, DAYS * 2 + 2))
            if not self._kill(address):
                break
            finished |= self._finished()
            self._read()
        wait_for(lambda: self._read() and self._ended(address), "the end of a build", pause=0.1, seconds=300)
        self._compare(self._ask("GET", address), finished)
        self.report.builds += 1

    def _wait_for_files(self, address: str, more: int) -> None:
        """Wait until so many more files are there, or the build has ended."""
        enough = len(self._files()) + more
        wait_for(lambda: self._ended(address) or len(self._files()) >= enough, pause=0.005, seconds=300)

    def _kill(self, address: str) -> bool:
        """Kill the worker that builds; return whether there was one."""
        folder = self._record(address)
        try:
            newest = max(folder.glob("attempt-*"))
            worker = int(json.loads(newest.read_bytes())["worker"].rpartition(":")[2])
        except (ValueError, OSError):  # nobody has taken it up yet
            return not self._ended(address)
        if self._ended(address):
            return False
        with suppress(ProcessLookupError):  # it was killed before, and nobody has gone on yet
            os.kill(worker, signal.SIGKILL)
            self.report.kills += 1
            self.report.moments[f"{len(self._finished()) * 4 // (DAYS + 1) * 25}%"] += 1
        return True

    def _finished(self) -> dict[str, Any]:
        """Return the partitions of this round that are finished: the files of each, by its identity."""
        found = {}
        for path in (self._made / "partitions").glob("*.json"):
            if path.stat().st_mtime >= self._began():
                document = json.loads(path.read_bytes())
                found[path.stem] = document.get("files")
        return found

    def _began(self) -> float:
        return self._sales.path(DAYS - 1).stat().st_mtime

    def _compare(self, build: Mapping[str, Any], finished: Mapping[str, Any]) -> None:
        if build["state"] != "done":
            self.report.faults.append(f"a build ended so: {build}")
            return
        result = build["result"]
        manifest = json.loads((self._made / "versions" / f"v{result['version']}.json").read_bytes())
        there = {part["identity"]: part["files"] for part in manifest["partitions"]}
        again = [identity for identity, files in finished.items() if files and there.get(identity) != files]
        self.report.resumed += result["resumed"]
        rows = sum(part["rows"] for part in manifest["partitions"])
        if again:
            self.report.faults.append(f"{len(again)} finished partitions were computed again")
        if (result["version"], len(there), rows) != (self._round, DAYS, DAYS * len(SHOPS)):
            self.report.faults.append(f"version {result['version']} of round {self._round}: {len(there)}, {rows} rows")
        self._read()
        if self._seen != self._round:
            self.report.faults.append(f"round {self._round} is built, and {self._seen} is served")

    def _read(self) -> bool:
        """Read the dataset: it is whole, and not older than it was."""
        if not (self._made / "versions").is_dir():
            return True  # the first version is not there yet
        [row] = self._ask("GET", "/v1/queries/read/v1/result")["data"]
        self.report.reads += 1
        found = int(row["least"])
        if (row["least"], int(row["n"])) != (row["most"], DAYS * len(SHOPS)):
            self.report.faults.append(f"half a version was served: {row}")
        if not max(self._seen, self._round - 1) <= found <= self._round:
            self.report.faults.append(f"{found} was served after {self._seen}, in round {self._round}")
        self._seen = max(self._seen, found)
        return True

    def _ended(self, address: str) -> bool:
        return (self._record(address) / "end.json").exists()

    def _record(self, address: str) -> Path:
        return self._sales.folder / "kept/_jobs/jobs/build/built" / address.rpartition("/")[2]

    def _files(self) -> list[Path]:
        return [path for name in ("data", "partitions") for path in (self._made / name).rglob("*.*")]

    def _ask(self, method: str, path: str) -> Any:
        """Ask the server, again where the worker that was to answer is killed; a build is asked for once."""
        key = {"Idempotency-Key": f'"{self._round}"'} if method == "POST" else {}
        answers: list[Any] = []

        def answered() -> bool:
            connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
            with suppress(OSError, HTTPException):
                connection.request(method, path, headers={"Authorization": f"Bearer {self._key}", **key})
                response = connection.getresponse()
                body = response.read()
                if response.status < 300:
                    answers.append(json.loads(body))
                elif response.status != 503:
                    raise SystemExit(f"{method} {path}: {response.status} {body.decode()}")
            connection.close()
            return bool(answers)

        wait_for(answered, path, seconds=300, pause=0.05)
        return answers[0]


@contextmanager
def soaking(folder: Path, seed: int) -> Iterator[Soak]:
    """Serve a project with one dataset."""
    sales = Sales(folder)
    sales.declare(SUMS, DECLARED, settings=SETTINGS)
    (folder / "queries" / "read").mkdir()
    (folder / "queries" / "read" / "v1.sql").write_text(f"/*\nsummary: Read\nowner: tests\ncache: off\n*/\n{READ}")
    (folder / "access.yaml").write_text(GRANTS)
    key = KeyFile(folder / "keys.json").add("ana", groups=())
    sales.put(0, [("a", 0)])
    with gateway_server(folder, SERVED) as server:
        yield Soak(sales, server.port, key, seed)


@click.command()
@click.option("--kills", default=50, show_default=True, help="How many workers are killed while they build.")
@AT_MOST
@SEED
def main(kills: int, minutes: float | None, seed: int | None) -> None:
    """Kill workers while they build, and print what became of the dataset."""
    with TemporaryDirectory() as place, soaking(Path(place), chosen(seed)) as soak:
        report = soak.run(kills, until=end_of(minutes))
    if not report.faults:
        print(f"{report.builds} builds, {report.kills} kills at {dict(sorted(report.moments.items()))}")
        print(
            f"{report.reads} reads, each of a whole version; {report.resumed} finished partitions, none computed again"
        )
    conclude(report.faults)


if __name__ == "__main__":
    main()
