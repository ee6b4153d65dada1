"""Every setting with every kind of value: the start names the setting and what is accepted, or the server answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.config import load_settings, settings_table
from gateway.errors import SettingsInvalid

VALUES = (
    *("", " ", "0", "-1", "1", "1.5", "99999999999999999999", "nan", "inf", "1e308", "true", "abc", "ä", "\u2028"),
    *("/dev/null", "/nonexistent/file", ".", "0s", "1ms", "36500d", "999999999999999d", "1B", "16MiB", "1048576TiB"),
    *(
        "http://host",
        "redis://127.0.0.1:notaport/0",
        "redis://host:99999",
        "redis://host:1/abc",
        "redis://host:1/0?x=1",
    ),
    *(
        "redis://host:1/0?socket_timeout=abc",
        "unix://",
        "rediss://",
        "1/second",
        "0/day",
        "1/0s",
        "9EiB/hour",
        "1048577TiB",
    ),
)
LEFT_ALONE = (
    *("STATE", "SERVER_HOST", "SERVER_PORT", "SERVER_WORKERS"),  # where the server is
    *("MEMORY", "ENGINE_MEMORY", "CACHE_MEMORY", "CACHE_MAX_RESULT"),  # which must fit into the machine together
    *("ENGINE_TIMEOUT", "ENGINE_WAIT"),  # of which the least leaves no time for an answer
)
"""Settings that are not set when all others are."""
TEMPLATE = """/*
summary: All ids
owner: ops
examples:
  - {}
*/
SELECT id FROM numbers
"""
RESULT = "/v1/queries/everything/v1/result"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name in ("catalog", "queries/everything", "data"):
        (folder / name).mkdir(parents=True)
    pq.write_table(pa.table({"id": range(3)}), folder / "data" / "a.parquet")
    (folder / "catalog" / "numbers.yaml").write_text("table: numbers\nlocation: data\ncolumns: {id: BIGINT}\n")
    (folder / "queries" / "everything" / "v1.sql").write_text(TEMPLATE)
    (folder / "gateway.toml").write_text("")
    return folder


def accepted(project: Path, variable: str) -> list[str]:
    """List the values with which the settings load; those that are refused are no error of another kind."""
    return [value for value in VALUES if refusal(project, variable, value) is None]


def refusal(project: Path, variable: str, value: str) -> str | None:
    try:
        load_settings(project, {variable: value})
    except SettingsInvalid as error:
        return "\n".join(f"{one.path}: {one.message}" for one in error.diagnostics)
    return None


@pytest.mark.parametrize(("name", "variable"), [row[:2] for row in settings_table()])
def test_a_wrong_value_is_refused_by_the_name_of_its_setting(name: str, variable: str, project: Path) -> None:
    refused = [refusal(project, variable, value) for value in VALUES]
    section, _, setting = name.rpartition(".")
    told = [text for text in refused if text is not None]
    # What two settings are together is told by the section; all else by the place of the setting itself.
    assert [text for text in told if variable not in text and not (f" {section}: " in text and setting in text)] == []


@pytest.mark.gunicorn
@pytest.mark.parametrize("extreme", [min, max], ids=["least", "most"])
def test_all_numbers_at_an_extreme_of_what_is_accepted_serve(
    extreme: Callable[..., str], project: Path, serve: Any
) -> None:
    settings = {}
    for name, variable, *_ in settings_table():
        loaded = {value: number(project, name, variable, value) for value in accepted(project, variable)}
        numbers = {value: found for value, found in loaded.items() if found is not None}
        if numbers and variable.removeprefix("GATEWAY_") not in LEFT_ALONE:
            settings[variable] = extreme(numbers, key=numbers.__getitem__)
    running = serve(project, settings, workers=1)
    reply = running.get(RESULT)
    assert reply.status == 200, (settings, reply.body, running.log.read_text())
    running.process.send_signal(signal.SIGINT)  # stops at once, however long it may drain


def number(project: Path, name: str, variable: str, value: str) -> float | None:
    """Return the number that a setting is read as; None where it is none."""
    found: Any = load_settings(project, {variable: value})
    for part in name.split("."):
        found = getattr(found, part)
    return float(found) if isinstance(found, (int, float)) and not isinstance(found, bool) else None


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("GATEWAY_CACHE_REDIS", "redis://127.0.0.1:notaport/0", "redis://host:6379/0"),
        ("GATEWAY_CACHE_REDIS", "http://user:hunter2@127.0.0.1:6379", "redis://host:6379/0"),
        ("GATEWAY_CACHE_REDIS", "redis://127.0.0.1:6379/0?unknown=1", "redis://host:6379/0"),
        ("GATEWAY_CACHE_REDIS", "redis://:hunter2@127.0.0.1:6379/0?socket_timeout=abc", "redis://host:6379/0"),
        ("GATEWAY_CACHE_REDIS", "unix://", "unix:///path/of/socket"),
        ("GATEWAY_STATE", "gateway.toml", "state"),
        ("GATEWAY_SERVER_HOST", "no.such.host.invalid", "server.host"),
        ("GATEWAY_MEMORY", "1B", "memory"),
        ("GATEWAY_LIMITS_REQUESTS", "1e30/second", "1000/minute"),
        ("GATEWAY_LIMITS_REQUESTS", "999999999999999999/second", "unlimited"),
        ("GATEWAY_LOG_AUDIT", "data", "log.audit"),
    ],
)
def test_a_server_that_cannot_start_says_which_setting_and_what_it_should_be(
    variable: str, value: str, said: str, project: Path, start: Callable[..., str]
) -> None:
    printed = start({variable: value})
    assert said in printed
    assert [word for word in ("Traceback", "failed to boot", "hunter2") if word in printed] == []


@pytest.mark.parametrize(
    "place", ["flights.lock", "vitals.lock", "cursor.key", "drops.jsonl", "usage/warmer.lock", "tables/refresher.lock"]
)
def test_a_folder_in_the_place_of_a_file_of_the_state_is_told(
    place: str, project: Path, start: Callable[..., str]
) -> None:
    (project / ".gateway" / place).mkdir(parents=True)
    printed = start({})
    assert f"state: {place} in the state folder is not a file" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("place", ["usage", "tables", "tmp", "calls"])
def test_a_file_in_the_place_of_a_folder_of_the_state_is_told(
    place: str, project: Path, start: Callable[..., str]
) -> None:
    (project / ".gateway").mkdir()
    (project / ".gateway" / place).write_text("")
    printed = start({})
    assert f"state: {place} in the state folder is not a folder" in printed
    assert "Traceback" not in printed


@pytest.fixture
def start(project: Path) -> Callable[[dict[str, str]], str]:
    """Start a server that must refuse to; return what it printed."""
    program = str(Path(sysconfig.get_path("scripts")) / "gateway")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "AWS_"))}

    def run(settings: dict[str, str]) -> str:
        command = [program, "serve", "--project", str(project), "--port", "0"]
        environment = inherited | settings
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0
        return done.stdout + done.stderr

    return run
