"""Completion in real shells: names of a project's queries, versions, parameters and tables."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from real_servers import server_missing
from thorough import first

BIN = sysconfig.get_path("scripts")
TABLE = "table: orders\ndescription: Orders of a shop\nlocation: data\ncolumns: {id: BIGINT, day: DATE}\n"
QUERY = """/*
summary: Orders of a day
owner: shop
parameters:
  start: {type: date, description: first day}
  stop: {type: date, optional: true, description: last day}
examples: [{start: 2024-01-01}]
*/
SELECT count(*) AS orders FROM orders WHERE day >= $start AND ($stop IS NULL OR day <= $stop)
"""
CASES = [
    ("gateway ser", {"serve"}),
    ("gateway check --for", {"--format"}),
    ("gateway run ", {"sales.by_day", "sales.by_week"}),
    ("gateway run sales.by_w", {"sales.by_week"}),
    ("gateway explain sales.by_day -v ", {"1", "2"}),
    ("gateway run sales.by_day -p st", {"start=", "stop="}),
    ("gateway run sales.by_day/", {"sales.by_day/v1", "sales.by_day/v2"}),
    ("gateway run sales.by_week/v1 -p st", {"start=", "stride="}),
    ("gateway run -p start=2024-01-01 sales.by_day --param ", {"start=", "stop="}),
    ("gateway explain sales.by_week/v1 -v ", {"1"}),
    ("gateway write or", {"orders"}),
    ("gateway test sales.by_day/", {"sales.by_day/v1", "sales.by_day/v2"}),
    ("gateway cache drop --table ", {"orders"}),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for place, text in {
        "catalog/orders.yaml": TABLE,
        "queries/sales/by_day/v1.sql": QUERY,
        "queries/sales/by_day/v2.sql": QUERY,
        "queries/sales/by_week/v1.sql": QUERY.replace("stop", "stride"),
    }.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text)
    return tmp_path


def completed(shell: str, script: str, project: Path) -> set[str]:
    """Run a script in a shell over the project and return its lines."""
    options = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    environment = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(project), "TERM": "dumb"}
    result = subprocess.run(
        [shell, *options, "-c", script], cwd=project, env=environment, capture_output=True, text=True, timeout=300
    )
    assert result.stderr == "", result.stderr
    return set(result.stdout.split())


def in_bash(line: str, project: Path) -> set[str]:
    words = line.split(" ")
    script = f"""
    compopt() {{ :; }}
    eval "$(gateway completion bash)"
    COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
    _gateway_completion gateway
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    return completed("bash", script, project)


def in_zsh(line: str, project: Path) -> set[str]:
    words = " ".join(f"'{word}'" for word in line.split(" "))
    script = f"""
    autoload -Uz compinit; compinit -u -D
    compdef() {{ :; }}
    _describe() {{ local -a given; given=(${{(P)${{@[-2]}}}}); printf '%s\\n' ${{given%%:*}}; }}
    compadd() {{ local -a given; given=(${{(P)${{@[-1]}}}}); printf '%s\\n' $given; }}
    eval "$(gateway completion zsh)"
    words=({words}); CURRENT=${{#words}}
    _gateway_completion
    """
    return completed("zsh", script, project)


def in_fish(line: str, project: Path) -> set[str]:
    return completed("fish", f"gateway completion fish | source\ncomplete --do-complete '{line}' | cut -f1", project)


SHELLS = {"bash": in_bash, "zsh": in_zsh, "fish": in_fish}


@pytest.mark.parametrize("shell", first(1, SHELLS))
def test_names_of_the_project_are_completed(shell: str, project: Path, server_used: Callable[[str], None]) -> None:
    if shutil.which(shell) is None:
        server_missing(f"{shell} is not installed (Debian: {shell})")
    server_used(shell)
    for line, expected in CASES[:: 1 if shell == "bash" else 3]:
        assert SHELLS[shell](line, project) == expected, line


def test_a_parameter_that_is_completed_in_bash_is_followed_by_its_value(project: Path) -> None:
    script = """
    eval "$(gateway completion bash)"
    compopt() { echo "compopt $*"; }
    COMP_WORDS=(gateway run sales.by_day -p sta); COMP_CWORD=4
    _gateway_completion gateway
    """
    assert completed("bash", script, project) == {"compopt", "-o", "nospace"}


@pytest.mark.parametrize("line", ["gateway run ", "gateway write "])
def test_where_there_is_no_project_nothing_is_completed_and_nothing_is_said(line: str, tmp_path: Path) -> None:
    assert in_bash(line, tmp_path) == set()
