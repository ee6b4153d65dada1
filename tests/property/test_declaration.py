"""Both parsers of YAML read a declaration alike: its values, and where each key and item stands."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway import declaration
from gateway.declaration import DeclarationError, Declared

PIECES = st.sampled_from(
    [
        *(
            "a",
            "b: ",
            "- ",
            "\n",
            "\n  ",
            "\n    ",
            "{",
            "}",
            "[",
            "]",
            ", ",
            "'x'",
            '"y\\n"',
            " #c",
            "1",
            "2013-01-01",
        ),
        *(
            "|\n",
            "> \n",
            ": ",
            ":",
            "\t",
            "é",
            "~",
            "null",
            ".5",
            "1e3",
            "*a",
            "&a ",
            "!!str ",
            "? ",
            "---\n",
            " ",
            "'",
        ),
    ]
)
TEXTS = st.lists(PIECES, max_size=14).map("".join)


def places(node: Any) -> Any:
    """List the tags, the values and the places of what a message may point at."""
    if node is None:
        return None
    at = (node.start_mark.line, node.start_mark.column)
    if isinstance(node, yaml.ScalarNode):
        return node.tag, node.value, at if node.value else None
    if isinstance(node, yaml.SequenceNode):
        return node.tag, [places(item) for item in node.value], at
    return node.tag, [(places(key), places(value)) for key, value in node.value], at


def read(text: str) -> Any:
    try:
        return places(Declared(text, "x")._root)
    except DeclarationError as error:
        return error.diagnostics


@given(text=TEXTS)
def test_a_text_is_read_alike_by_the_quick_parser_and_by_the_other(text: str) -> None:
    quick = declaration._QUICK
    found = read(text)
    declaration._QUICK = None
    try:
        assert read(text) == found
    finally:
        declaration._QUICK = quick


def test_the_quick_parser_is_there() -> None:
    assert declaration._QUICK is not None


def test_a_key_that_is_no_word_is_refused() -> None:
    with pytest.raises(DeclarationError, match="a key is one word or number"):
        Declared("parameters: {[a]: 1}", "x")
