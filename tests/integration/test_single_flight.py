"""Single flight between real processes over the tier and the lease that the workers of a machine share."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parents[1] / "support"
ASKER = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pyarrow as pa

from serving import a_question, serving

from gateway.cache.fault_tolerant import FaultTolerantTier
from gateway.cache.files import FileTier
from gateway.cache.memory import MemoryTier
from gateway.cache.redis import RedisTier, connect
from gateway.cache.redis_lease import RedisLease
from gateway.cache.results import ResultCache
from gateway.cache.write_behind import WriteQueue, WrittenBehind
from gateway.execution.leases import MachineLease
from gateway.model import CachePolicy, Principal, Result
from gateway.telemetry.events import unobserved

folder, threads, seconds, rows = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
KEY = "ab" * 20

def note(what):
    with (folder / "runs").open("a") as log:
        log.write(what)

def run(cancellation, tee=None):
    note("s")
    print("running", flush=True)
    Event().wait(seconds)
    note("e")
    table = pa.table({"n": pa.array(range(rows), pa.int64())})
    return Result(key=KEY, table=table, columns=(), readings=(), created_at=time.time(), seconds=seconds)

if len(sys.argv) > 5:
    client = connect(sys.argv[5])
    shared, lease = RedisTier(client, largest=50_000), RedisLease(client, unobserved)
else:
    shared, lease = FileTier(folder / "results", 50_000), MachineLease(folder / "lease")
# What is kept is written some time after it was answered, so that others ask before it is there.
queue = WriteQueue(50_000, pause=lambda seconds: Event().wait(0.5))
tiers = [MemoryTier(50_000), WrittenBehind(FaultTolerantTier(shared, unobserved), queue)]
cache = ResultCache(tiers, clock=time.time, behind=queue)
gateway = serving(
    cache=cache, pool=ThreadPoolExecutor(8), key=lambda: KEY, run=run, clock=time.time, monotonic=time.monotonic,
    lease=lease, wait=20.0,
)
print("ready", flush=True)
sys.stdin.readline()

def ask(_):
    return gateway.answer(a_question(CachePolicy(ttl=60)), principal=Principal()).result.table.num_rows

with ThreadPoolExecutor(threads) as pool:
    answers = list(pool.map(ask, range(threads)))
print("answers", len(answers), set(answers), flush=True)
gateway.executor.close()
cache.close()
lease.close()
"""


class Askers:
    """Processes that ask the same question at the same time."""

    def __init__(
        self, folder: Path, count: int, *, threads: int, seconds: float, rows: int = 3, redis: str | None = None
    ) -> None:
        self.folder = folder
        command = [sys.executable, "-c", ASKER, str(folder), str(threads), str(seconds), str(rows)]
        command += [] if redis is None else [redis]
        environment = {**os.environ, "PYTHONPATH": str(SUPPORT)}
        self.processes = [
            subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(count)
        ]
        for process in self.processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"

    def go(self) -> None:
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()

    def answers(self) -> list[str]:
        outputs = [process.communicate(timeout=60)[0] for process in self.processes]
        return [line for output in outputs for line in output.splitlines() if line.startswith("answers")]

    def log(self) -> str:
        """Return an s for every start of the work and an e for every end, in their order."""
        return (self.folder / "runs").read_text()


@pytest.fixture(params=["machine", "redis"])
def shared(request: pytest.FixtureRequest) -> str | None:
    """What the processes share: the folder of a machine, or the URL of a Redis."""
    return None if request.param == "machine" else str(request.getfixturevalue("redis_server").url)


def test_a_hundred_threads_of_two_processes_run_a_question_once(tmp_path: Path, shared: str | None) -> None:
    askers = Askers(tmp_path, 2, threads=50, seconds=0.3, redis=shared)
    askers.go()
    assert askers.answers() == ["answers 50 {3}", "answers 50 {3}"]
    assert askers.log() == "se"


def test_a_leader_killed_in_mid_air_is_replaced_and_no_follower_fails(tmp_path: Path, shared: str | None) -> None:
    askers = Askers(tmp_path, 2, threads=5, seconds=2.5, redis=shared)
    leader, follower = askers.processes
    assert leader.stdin is not None
    assert leader.stdout is not None
    leader.stdin.write("go\n")
    leader.stdin.flush()
    assert leader.stdout.readline() == "running\n"
    askers.processes = [follower]
    askers.go()
    os.kill(leader.pid, signal.SIGKILL)
    leader.wait()
    leader.stdin.close()
    leader.stdout.close()
    assert askers.answers() == ["answers 5 {3}"]
    assert askers.log() == "sse"


def test_who_asks_after_an_answer_and_before_it_is_written_waits_and_does_not_compute_it(
    tmp_path: Path, shared: str | None
) -> None:
    askers = Askers(tmp_path, 2, threads=1, seconds=0.0, redis=shared)
    first, second = askers.processes
    askers.processes = [first]
    askers.go()
    assert first.stdout is not None
    assert [first.stdout.readline() for _ in range(2)] == ["running\n", "answers 1 {3}\n"]
    askers.processes = [second]
    askers.go()
    askers.processes = [first, second]
    assert askers.answers() == ["answers 1 {3}"]
    assert askers.log() == "se"


def test_an_answer_whose_process_ends_before_it_is_written_is_computed_again(
    tmp_path: Path, shared: str | None
) -> None:
    askers = Askers(tmp_path, 2, threads=1, seconds=0.0, redis=shared)
    first, second = askers.processes
    askers.processes = [first]
    askers.go()
    assert first.stdout is not None
    assert [first.stdout.readline() for _ in range(2)] == ["running\n", "answers 1 {3}\n"]
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    askers.processes = [second]
    askers.go()
    assert askers.answers() == ["answers 1 {3}"]
    assert askers.log() == "sese"


def test_followers_of_a_result_too_large_to_keep_compute_it_side_by_side(tmp_path: Path, shared: str | None) -> None:
    askers = Askers(tmp_path, 3, threads=1, seconds=0.7, rows=100_000, redis=shared)
    askers.go()
    assert askers.answers() == ["answers 1 {100000}"] * 3
    assert askers.log() == "sessee"
