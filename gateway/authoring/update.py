"""Write the rows that queries answer into test files, leaving the rest of the text untouched."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import yaml

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?: [A-Za-z0-9_]+)*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def updated(text: str, answers: Mapping[int, Sequence[Mapping[str, Any]]]) -> str:
    """Put *answers*, the rows by the number of the test, in place of the rows that tests expect, or after the rest.

    *text* is a valid file of tests.
    """
    for number in sorted(answers, reverse=True):  # from the end, so that places before stay as they are
        text = _with_rows(text, number, answers[number])
    return text


def _with_rows(text: str, number: int, rows: Sequence[Mapping[str, Any]]) -> str:
    test = _value(_value(yaml.compose(text, Loader=yaml.SafeLoader), "tests"), number)
    if test.flow_style:
        raise ValueError("a test on one line cannot be updated")
    found = next(((key, value) for key, value in test.value if key.value == "rows"), None)
    indent = " " * test.value[0][0].start_mark.column
    written = _written(rows, indent)
    if found is not None:
        key, value = found
        return text[: key.end_mark.index] + ":" + written + text[_end(value) :]
    end = _end(test.value[-1][1])
    end = text.find("\n", end) if "\n" in text[end:] else len(text)
    return f"{text[:end]}\n{indent}rows:{written}{text[end:]}"


def _written(rows: Sequence[Mapping[str, Any]], indent: str) -> str:
    if not rows:
        return " []"
    return "".join(f"\n{indent}  - {{{_flow(row)}}}" for row in rows)


def _flow(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{_cell(name)}: {_cell(value)}" for name, value in row.items())


def _cell(value: Any) -> str:
    """Write a value on one line of YAML; JSON is YAML, and plain words need no quotes."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return orjson.dumps(value).decode()


def _value(node: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return node.value[step]
    return next(value for key, value in node.value if key.value == step)


def _end(node: Any) -> int:
    """Return where the text of a value ends: the mark of a block is only at what follows it."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return _scalar_end(node)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _scalar_end(node: Any) -> int:
    end: int = node.end_mark.index
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return end - 1  # a block of text takes the line end with it
    return end
