"""Lines of the log for people: every event, whatever its values, is one line without control characters."""

from __future__ import annotations

import os
import pty
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.json_log import STANDARD_OUTPUT, LineWriter
from gateway.telemetry.text_log import TextLines, standard_output


def written(*fields: dict[str, Any], colour: bool = False) -> list[str]:
    made: list[bytes] = []
    TextLines(made.append, colour=colour)(b"".join(orjson.dumps(each) + b"\n" for each in fields))
    return b"".join(made).decode().splitlines()


def test_a_request_is_one_readable_line() -> None:
    fields = {
        "time": 0,
        "level": "info",
        "event": "request-served",
        "request": "7f",
        "seconds": 0.0123,
        "method": "GET",
        "path": "/v1/queries",
        "status": 200,
        "client": "127.0.0.1",
    }
    (line,) = written(fields)
    assert line[8:] == " info     request-served  GET /v1/queries 200 12.3 ms  request=7f client=127.0.0.1"


def test_levels_have_colours_where_they_are_wanted() -> None:
    (line,) = written({"time": 0, "level": "error", "event": "x"}, colour=True)
    assert line[8:] == " \x1b[31merror   \x1b[0m \x1b[1mx\x1b[0m"


def test_what_is_no_line_of_the_log_stays_as_it_is() -> None:
    made: list[bytes] = []
    TextLines(made.append)(b"Traceback\n[1]\n")
    assert made == [b"Traceback\n[1]\n"]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,10}", fullmatch=True), values, max_size=5))
def test_any_event_is_one_line_without_control_characters(fields: dict[str, Any]) -> None:
    lines = written(fields | {"time": 0, "level": "info", "event": "x", "seconds": 1.0, "method": "GET", "path": "/\n"})
    assert len(lines) == 1
    assert lines[0].isprintable()


@pytest.mark.parametrize(
    ("form", "terminal", "no_colour", "expected"),
    [
        ("auto", False, "", "json"),
        ("auto", True, "", "colour"),
        ("auto", True, "1", "text"),
        ("json", True, "", "json"),
        ("text", False, "", "text"),
    ],
)
def test_the_form_is_the_terminals_unless_it_is_set(
    form: str, terminal: bool, no_colour: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", no_colour)
    parent, child = pty.openpty() if terminal else os.pipe()[::-1]
    before = os.dup(STANDARD_OUTPUT)
    try:
        os.dup2(child if terminal else parent, STANDARD_OUTPUT)
        made = standard_output(form, "log")
    finally:
        os.dup2(before, STANDARD_OUTPUT)
        for descriptor in (parent, child, before):
            os.close(descriptor)
    if expected == "json":
        assert isinstance(made, LineWriter)
    else:
        assert isinstance(made, TextLines)
        assert made._colour is (expected == "colour")
