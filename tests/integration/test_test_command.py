"""``gateway test``, also through its entry point: inline tables become files, and what differs is shown."""

from __future__ import annotations

import subprocess
import sysconfig
from contextlib import chdir
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from gateway.cli import main

PROGRAM = str(Path(sysconfig.get_path("scripts")) / "gateway")
EVENTS = """table: events
location: data
columns: {ts: TIMESTAMP, shard: VARCHAR, user: BIGINT, amount: "DECIMAL(9,2)"}
partitioned_by:
  - {column: day, transform: day, source: ts}
limits: {require_filter: true}
"""
QUERY = """/*
summary: What each user spent
owner: finance
parameters:
  start: {type: timestamp, description: first instant}
  end: {type: timestamp, description: first instant left out}
examples:
  - {start: 2024-01-01, end: 2024-01-02}
*/
SELECT "user", sum(amount) AS spent
FROM events
WHERE ts >= $start AND ts < $end
GROUP BY ALL
ORDER BY spent DESC, "user"
"""
TESTS = """tables:
  events:
    rows:
      - {ts: 2024-01-01 10:00:00, user: 1, amount: 2.50}
      - {ts: 2024-01-01 11:00:00, user: 2, amount: 7}
      - {ts: 2024-01-02 00:00:00, user: 1, amount: 100}
tests:
  - name: one day
    parameters: {start: 2024-01-01, end: 2024-01-02}
    rows:
      - {user: 2, spent: 7.00}
      - {user: 1, spent: 2.50}
    reads: {files: 1}
  - name: no end
    parameters: {start: 2024-01-01}
    error: invalid-parameters
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, "catalog/events.yaml", EVENTS)
    write(tmp_path, "queries/finance/spending/v1.sql", QUERY)
    write(tmp_path, "queries/finance/spending/v1.test.yaml", TESTS)
    return tmp_path


def write(project: Path, place: str, text: str) -> None:
    path = project / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def gateway(project: Path, *words: str) -> tuple[int, list[str]]:
    with chdir(project):
        done = CliRunner().invoke(main, words)
    return done.exit_code, (done.stdout + done.stderr).splitlines()


def in_a_process(project: Path, *words: str) -> tuple[int, list[str]]:
    """Do the same through the entry point, in a process of its own, which is what takes most of the time."""
    done = subprocess.run([PROGRAM, *words], cwd=project, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_tests_with_inline_tables_need_no_data_and_leave_nothing(project: Path) -> None:
    before = sorted(project.rglob("*"))
    assert in_a_process(project, "test", "--no-data") == (
        0,
        ["✓ finance.spending v1: one day", "✓ finance.spending v1: no end", "2 tests: 2 passed"],
    )
    assert sorted(project.rglob("*")) == before


RELATIVE = QUERY.replace("{type: timestamp, ", "{type: timestamp, zone: Europe/Berlin, relative: true, ")


def test_a_test_says_at_which_instant_it_is_asked(project: Path) -> None:
    tests = TESTS.replace("{start: 2024-01-01, end: 2024-01-02}", "{start: now-1d/d, end: now/d}")
    write(project, "queries/finance/spending/v1.sql", RELATIVE)
    for now, passes in (
        ("2024-01-01T23:00:00Z", True),
        ("2024-01-01T22:59:59Z", False),
        ("2024-01-02T23:59+01:00", True),
    ):
        text = tests.replace("  - name: one day\n", f"  - name: one day\n    now: {now}\n")
        write(project, "queries/finance/spending/v1.test.yaml", text)
        assert gateway(project, "test", "--no-data")[0] == (0 if passes else 1), now
    write(
        project, "queries/finance/spending/v1.test.yaml", tests.replace("one day\n", "one day\n    now: yesterday\n", 1)
    )
    code, lines = gateway(project, "test", "--no-data")
    assert code != 0
    assert any("'yesterday' is not a timestamp with its offset" in line for line in lines)


def test_a_difference_is_shown_row_by_row_and_update_writes_it_down(project: Path) -> None:
    write(project, "queries/finance/spending/v1.test.yaml", TESTS.replace("spent: 2.50", "spent: 3"))
    assert in_a_process(project, "test", "finance.spending") == (
        1,
        [
            "✗ finance.spending v1: one day",
            "    1 of 2 rows differ (- expected, + answered)",
            "        user  spent",
            "      - 1     3",
            "      + 1     2.50",
            "✓ finance.spending v1: no end",
            "2 tests: 1 passed, 1 failed",
        ],
    )
    assert in_a_process(project, "test", "--update")[0] == 0
    assert in_a_process(project, "test")[0] == 0


def test_a_pull_request_gets_the_failure_at_the_line_of_the_test(project: Path) -> None:
    write(project, "queries/finance/spending/v1.test.yaml", TESTS.replace("files: 1", "files: 0"))
    code, [line] = gateway(project, "test", "--format", "github")
    assert code == 1
    place = "file=queries/finance/spending/v1.test.yaml,line=8,col=5,title=test"
    assert line.startswith(f"::error {place}::one day: 1 files read, at most 0 expected")


def test_a_file_of_tests_that_is_wrong_is_told_with_its_line_by_check_too(project: Path) -> None:
    write(
        project, "queries/finance/spending/v1.test.yaml", TESTS.replace("rows:\n      - {user", "row:\n      - {user")
    )
    write(project, "queries/finance/spending/v2.test.yaml", TESTS)
    code, lines = gateway(project, "check", "--format", "json")
    found = [(one["path"], one["line"], one["message"]) for one in orjson.loads("\n".join(lines))["diagnostics"]]
    assert (code, found) == (
        1,
        [
            ("queries/finance/spending/v1.test.yaml", 10, "unknown key 'row'"),
            ("queries/finance/spending/v2.test.yaml", None, "there is no v2.sql beside these tests"),
        ],
    )
    assert gateway(project, "test")[0] == 1


def test_rows_that_do_not_fit_their_table_fail_the_test(project: Path) -> None:
    write(project, "queries/finance/spending/v1.test.yaml", TESTS.replace("amount: 7}", "amount: seven}"))
    code, lines = gateway(project, "test")
    assert code == 1
    assert "    Row 2: 'seven' does not fit the column 'amount' of type DECIMAL(9,2)." in lines


def test_a_query_without_tests_is_named(project: Path) -> None:
    code, lines = gateway(project, "test", "finance.spendin")
    assert (code, lines[-1]) == (
        2,
        "Error: there are no tests of 'finance.spendin': did you mean 'finance.spending'?",
    )


def test_a_test_that_needs_the_data_reads_it_or_is_skipped(project: Path) -> None:
    write(project, "rows.csv", "ts,shard,user,amount\n2024-01-01 10:00:00,a,5,1.25\n")
    assert gateway(project, "write", "events", "rows.csv")[0] == 0
    text = TESTS[TESTS.index("tests:") :].replace("{user: 2, spent: 7.00}", "{user: 5, spent: 1.25}")
    write(project, "queries/finance/spending/v1.test.yaml", text.replace("      - {user: 1, spent: 2.50}\n", ""))
    assert gateway(project, "test")[0] == 0
    code, lines = gateway(project, "test", "--no-data")
    assert (code, lines[-1]) == (0, "2 tests: 0 passed, 2 skipped")
