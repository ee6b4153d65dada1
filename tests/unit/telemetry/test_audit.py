"""Every answered question leaves one audit line, and nothing else does."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import SettingsInvalid
from gateway.telemetry.audit import AuditLog, open_file
from gateway.telemetry.events import Event, QueryReplanned, RequestServed, observe_all
from gateway.telemetry.json_log import LineWriter

SERVED: dict[str, Any] = {"request": "r", "method": "GET", "path": "/", "status": 200, "seconds": 0.5, "size": 10}
ANSWERED = SERVED | {
    "principal": "ana",
    "query": "delays",
    "version": 2,
    "key": "00ff",
    "cache": "hit",
    "rows": 0,
    "parameters": {"start": "2013-01-01", "carriers": None},
}


def lines(*events: Event, digest: bool = False) -> list[dict[str, Any]]:
    written: list[bytes] = []
    audit = AuditLog(written.append, digest=digest, clock=lambda: 12.0)
    for event in events:
        audit(event)
    return [json.loads(line) for line in written]


def test_an_answered_question_tells_who_asked_what_and_which_result_they_got() -> None:
    assert lines(RequestServed(**ANSWERED)) == [
        {
            "time": 12.0,
            "level": "info",
            "event": "audit",
            "request": "r",
            "principal": "ana",
            "query": "delays",
            "version": 2,
            "key": "00ff",
            "cache": "hit",
            "status": 200,
            "rows": 0,
            "size": 10,
            "complete": True,
            "parameters": {"start": "2013-01-01", "carriers": None},
        }
    ]


def test_lines_that_are_told_of_together_are_those_that_are_told_of_one_by_one() -> None:
    events = [RequestServed(**ANSWERED | {"request": f"id-{number}"}) for number in range(40)]
    events.insert(7, RequestServed(**SERVED))
    together, single = list[bytes](), list[bytes]()
    observe_all(AuditLog(together.append, clock=lambda: 1.0), events)
    for event in events:
        AuditLog(single.append, clock=lambda: 1.0)(event)
    assert b"".join(together) == b"".join(single)
    assert len(single) == 40
    assert len(together) < len(single)
    assert all(len(piece) <= 4096 for piece in together)


def test_what_was_not_answered_leaves_no_line() -> None:
    refused = RequestServed(
        **(SERVED | {"status": 422, "query": "delays", "version": 2, "error": "invalid-parameters"})
    )
    assert lines(RequestServed(**SERVED), refused, QueryReplanned(query="q", version=1, reason="x")) == []


def test_parameters_can_be_written_as_a_digest() -> None:
    turned = dict(reversed(ANSWERED["parameters"].items()))
    first, second, other = lines(
        RequestServed(**ANSWERED),
        RequestServed(**(ANSWERED | {"parameters": turned})),
        RequestServed(**(ANSWERED | {"parameters": {"start": "2013-01-02"}})),
        digest=True,
    )
    assert "parameters" not in first
    assert first["parameters_digest"] == second["parameters_digest"] != other["parameters_digest"]


@pytest.mark.parametrize("parameters", [{}, None])
def test_a_question_without_parameters_is_told_as_such(parameters: object) -> None:
    (line,) = lines(RequestServed(**(ANSWERED | {"parameters": parameters})))
    assert line["parameters"] == {}


def test_lines_are_added_to_what_a_file_holds(tmp_path: Path) -> None:
    for _ in range(2):
        descriptor = open_file(tmp_path / "audit.jsonl")
        AuditLog(LineWriter("audit", descriptor=descriptor))(RequestServed(**ANSWERED))
        os.close(descriptor)
    assert len((tmp_path / "audit.jsonl").read_text().splitlines()) == 2


def test_a_file_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"log\.audit: cannot write to audit\.jsonl: No such file"):
        open_file(tmp_path / "missing" / "audit.jsonl")
