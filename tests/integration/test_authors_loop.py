"""An author's whole loop, walked on a git repository and a server that follows it: each message, each answer.

``work`` is where the author writes, ``deployed`` a checkout of the same repository that two real workers serve.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import chdir
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from waiting import becomes, wait_for

from gateway.cli import main

pytestmark = pytest.mark.gunicorn

TODAY = datetime.now(UTC).date()
DEPRECATED, SUNSET, PASSED = TODAY - timedelta(days=1), TODAY + timedelta(days=90), TODAY - timedelta(days=1)
V1, V2 = "queries/finance/revenue/v1.sql", "queries/finance/revenue/v2.sql"
RESULT = "/v1/queries/finance.revenue/{}/result?start=2024-01-01&end=2024-01-03"
TABLE = """table: sales
description: One row a sale
location: file://{data}
columns: {{sold_at: TIMESTAMP, shop: VARCHAR, amount: BIGINT}}
partitioned_by: [{{column: day, transform: day, source: sold_at}}]
limits: {{require_filter: true}}
"""
BODY = """SELECT
  shop,
  sum(amout) AS revenue
FROM sales
WHERE sold_at >= $start
  AND sold_at < $end
GROUP BY shop
ORDER BY shop
"""
TESTS = """tests:
  - name: the sales of a shop are added up
    parameters: {start: 2024-01-01, end: 2024-01-02}
    tables:
      sales:
        rows: |
          sold_at,shop,amount
          2024-01-01 10:00,a,1
          2024-01-01 11:00,a,2
          2024-01-02 11:00,a,4
    rows:
      - {shop: a, revenue: 7}
"""


class Loop:
    """The author's folder, the deployed one, and the server over it."""

    def __init__(self, folder: Path, serve: Any) -> None:
        self.work, self.deployed, self._serve = folder / "work", folder / "deployed", serve
        self.gateway: Any = None
        for day in (1, 2):
            sold = pa.array([datetime(2024, 1, day, 12)] * 2, pa.timestamp("us"))
            rows = pa.table({"sold_at": sold, "shop": ["a", "b"], "amount": pa.array([day, 10], pa.int64())})
            (folder / f"data/day=2024-01-0{day}").mkdir(parents=True)
            pq.write_table(rows, folder / f"data/day=2024-01-0{day}/sales.parquet")
        (self.work / "catalog").mkdir(parents=True)
        self.write("catalog/sales.yaml", TABLE.format(data=folder / "data"))
        self.write(".gitignore", ".gateway\n")
        self.git("init", "-q")
        self.commit("A table")
        self.git("clone", "-q", str(self.work), str(self.deployed), cwd=folder)
        self.git("checkout", "-qb", "topic")

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
        command = ["git", *identity, *arguments]
        return subprocess.run(command, cwd=cwd or self.work, capture_output=True, text=True, check=True).stdout.strip()

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "-qm", message)

    def merge_and_deploy(self, message: str) -> None:
        """Commit on the branch, merge it into main, and update the deployed checkout."""
        self.commit(message)
        self.git("checkout", "-q", "main")
        self.git("merge", "-q", "--ff-only", "topic")
        self.git("pull", "-q", cwd=self.deployed)
        self.git("checkout", "-q", "topic")

    def read(self, name: str) -> str:
        return (self.work / name).read_text()

    def write(self, name: str, text: str) -> None:
        (self.work / name).write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        assert old in self.read(name)
        self.write(name, self.read(name).replace(old, new, 1))

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command of the gateway in the author's folder; it ends with *code*."""
        with chdir(self.work):
            result = CliRunner().invoke(main, arguments)
        assert result.exit_code == code, result.output
        return result.output

    def check(self, *arguments: str, code: int = 0) -> str:
        return self.run("check", "--against", "main", *arguments, code=code)

    def start(self) -> None:
        self.gateway = self._serve(self.deployed, workers=2, until="/healthz")  # it has no query yet

    def ask(self, version: str) -> Any:
        return self.gateway.get(RESULT.format(version))

    def rows(self, version: str) -> Any:
        reply = self.ask(version)
        return reply.json()["data"] if reply.status == 200 else reply.json()["type"]

    def becomes(self, expected: Any, look: Callable[[], Any]) -> None:
        """Look until both workers show what is *expected*."""
        becomes(expected, look)


@pytest.fixture
def loop(tmp_path: Path, serve: Any) -> Loop:
    return Loop(tmp_path, serve)


def test_the_whole_loop(loop: Loop) -> None:
    a_new_query_is_written_and_passes(loop)
    a_typo_is_shown_with_its_place_and_what_was_meant(loop)
    a_failing_test_shows_what_differs(loop)
    the_report_says_that_the_query_is_new(loop)
    a_merged_query_is_served(loop)
    a_published_version_that_changed_is_refused(loop)
    a_second_version_says_how_its_contract_differs(loop)
    a_broken_file_that_was_deployed_takes_nothing_down(loop)
    a_deprecated_version_says_so_and_its_callers_are_known(loop)
    a_version_cannot_be_removed_before_its_sunset(loop)
    a_version_past_its_sunset_is_gone_and_names_its_successor(loop)
    a_retired_version_is_removed(loop)


def a_new_query_is_written_and_passes(loop: Loop) -> None:
    flags = ["--table", "sales", "-p", "start", "-p", "end", "--owner", "finance", "--summary", "Revenue by shop"]
    told = loop.run("new", "finance.revenue", *flags, "--yes")
    assert told.splitlines()[:2] == [f"wrote {V1}", "1 table, 1 template: no mistakes"]
    assert loop.run("check") == "1 table, 1 template: no mistakes\n"


def a_typo_is_shown_with_its_place_and_what_was_meant(loop: Loop) -> None:
    front, _, _ = loop.read(V1).partition("SELECT")
    loop.write(V1, front + BODY)
    line = front.count("\n") + 3
    assert loop.run("check", code=1).splitlines() == [
        f"{V1}:{line}:7: there is no column 'amout' here",
        "      sum(amout) AS revenue",
        "          ^",
        "    did you mean 'amount'?",
        "1 table, 1 template: 1 mistake in 1 file",
    ]
    loop.edit(V1, "amout", "amount")
    assert loop.run("check") == "1 table, 1 template: no mistakes\n"


def a_failing_test_shows_what_differs(loop: Loop) -> None:
    loop.write("queries/finance/revenue/v1.test.yaml", TESTS)
    told = loop.run("test", "finance.revenue", code=1)
    assert [line.strip() for line in told.splitlines() if line.strip()] == [
        "✗ finance.revenue v1: the sales of a shop are added up",
        "1 of 1 row differ (- expected, + answered)",
        "shop  revenue",
        "- a     7",
        "+ a     3",
        "1 test: 0 passed, 1 failed",
    ]
    loop.edit("queries/finance/revenue/v1.test.yaml", "revenue: 7", "revenue: 3")
    assert loop.run("test", "finance.revenue").splitlines()[-1] == "1 test: 1 passed"


def the_report_says_that_the_query_is_new(loop: Loop) -> None:
    assert loop.check().splitlines() == ["finance.revenue v1: new query", "1 table, 1 template: no mistakes"]


def a_merged_query_is_served(loop: Loop) -> None:
    loop.start()
    loop.becomes("/errors/query-not-found", lambda: loop.rows("latest"))
    loop.merge_and_deploy("Revenue by shop")
    loop.becomes([{"shop": "a", "revenue": 3}, {"shop": "b", "revenue": 20}], lambda: loop.rows("latest"))
    commit = loop.git("rev-parse", "main")
    loop.becomes(commit, lambda: loop.gateway.get("/readyz").json()["project"]["commit"])


def a_published_version_that_changed_is_refused(loop: Loop) -> None:
    loop.edit(V1, "sum(amount)", "max(amount)")
    line = loop.read(V1).partition("SELECT")[0].count("\n") + 1
    told = loop.check(code=1)
    assert told.splitlines()[:3] == [
        f"{V1}:{line}: finance.revenue v1 is published and has changed: its SQL",
        "    SELECT",
        "    put the old text back, and write the new one as v2.sql beside it",
    ]
    assert "the column revenue is BIGINT, and was HUGEINT (breaking)" in told
    loop.git("checkout", "-q", V1)
    loop.edit(V1, "summary: Revenue by shop", "summary: Revenue of each shop")
    assert "finance.revenue v1: edited" in loop.check()


def a_second_version_says_how_its_contract_differs(loop: Loop) -> None:
    told = loop.run("new", "finance.revenue", "--version", "--yes")
    assert told.splitlines()[0] == f"wrote {V2}"
    loop.edit(V2, "AS revenue", "AS revenue,\n  count(*) AS sales")
    told = loop.check()
    assert "finance.revenue v2: new version, contract widened" in told
    assert "the column sales (BIGINT) is new (widened)" in told
    expected = "queries/finance/revenue/v2.test.yaml"
    loop.edit(expected, "revenue: 3", "revenue: 3, sales: 9")
    assert "1 failed" in loop.run("test", "finance.revenue/v2", code=1)
    loop.run("test", "finance.revenue/v2", "--update")
    assert "sales: 2" in loop.read(expected)
    assert loop.run("test", "finance.revenue").splitlines()[-1] == "2 tests: 2 passed"
    loop.merge_and_deploy("Revenue and sales by shop")
    loop.becomes("2", lambda: loop.ask("latest").headers.get("gateway-version"))
    assert loop.rows("v1") == [{"shop": "a", "revenue": 3}, {"shop": "b", "revenue": 20}]
    assert loop.rows("v2")[0] == {"shop": "a", "revenue": 3, "sales": 2}


def a_broken_file_that_was_deployed_takes_nothing_down(loop: Loop) -> None:
    path = loop.deployed / V2
    good = path.read_text()
    path.write_text(good.replace("SELECT", "SELEC", 1))
    loop.becomes([V2], lambda: [one["path"] for one in loop.gateway.get("/readyz").json()["project"]["broken"]])
    assert loop.rows("latest")[0]["sales"] == 2
    (entry,) = loop.gateway.get("/v1/queries").json()["queries"]
    assert entry["broken"]["v2"]["mistakes"][0]["message"] == "a template is one SELECT, and SELEC starts none"
    path.write_text(good)
    loop.becomes([], lambda: loop.gateway.get("/readyz").json()["project"]["broken"])


def a_deprecated_version_says_so_and_its_callers_are_known(loop: Loop) -> None:
    loop.edit(V1, "\ncache:", f"\ndeprecated: {DEPRECATED}\nsunset: {SUNSET}\nsuccessor: v2\ncache:")
    assert "finance.revenue v1: edited" in loop.check("--strict")
    loop.merge_and_deploy("v1 goes away")
    loop.becomes(f"@{seconds(DEPRECATED)}", lambda: loop.ask("v1").headers.get("deprecation"))
    reply = loop.ask("v1")
    assert (reply.status, reply.headers["sunset"]) == (200, f"{SUNSET:%a, %d %b %Y} 00:00:00 GMT")
    assert reply.headers["link"] == '</v1/queries/finance.revenue/v2>; rel="successor-version"'
    wait_for(lambda: "finance.revenue v1 deprecated anonymous" in usage(loop), "the counts, written every few seconds")


def a_version_cannot_be_removed_before_its_sunset(loop: Loop) -> None:
    (loop.work / V1).unlink()
    (loop.work / "queries/finance/revenue/v1.test.yaml").unlink()
    assert "finance.revenue v1 is published and cannot be removed yet" in loop.check(code=1)
    loop.git("checkout", "-q", ".")


def a_version_past_its_sunset_is_gone_and_names_its_successor(loop: Loop) -> None:
    loop.edit(V1, f"sunset: {SUNSET}", f"sunset: {PASSED}")  # as time would have it
    assert f"the version is refused since {PASSED}" in loop.check()
    loop.merge_and_deploy("v1 is gone")
    loop.becomes("/errors/version-retired", lambda: loop.rows("v1"))
    document = loop.ask("v1").json()
    assert (document["status"], document["successor"]) == (410, "v2")
    assert document["detail"] == f"finance.revenue v1 was retired on {PASSED}. Use v2 instead."
    assert loop.rows("latest")[0]["sales"] == 2


def a_retired_version_is_removed(loop: Loop) -> None:
    (loop.work / V1).unlink()
    (loop.work / "queries/finance/revenue/v1.test.yaml").unlink()
    assert loop.check("--strict").splitlines() == ["finance.revenue v1: removed", "1 table, 1 template: no mistakes"]
    loop.merge_and_deploy("v1 is removed")
    loop.becomes("/errors/version-not-found", lambda: loop.rows("v1"))
    assert loop.rows("v2")[0]["sales"] == 2


def seconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def usage(loop: Loop) -> str:
    """Return what ``gateway usage`` tells of the deployed project, its columns one space apart."""
    result = CliRunner().invoke(main, ["usage", "--project", str(loop.deployed), "finance.revenue"])
    return "\n".join(" ".join(line.split()) for line in result.output.splitlines())
