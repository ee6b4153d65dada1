"""Both parsers of YAML read a declaration alike: its values, and where each key and item stands."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway import yaml_document
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
    quick = yaml_document.QUICK
    found = read(text)
    yaml_document.QUICK = None
    try:
        assert read(text) == found
    finally:
        yaml_document.QUICK = quick


def test_the_quick_parser_is_there() -> None:
    assert yaml_document.QUICK is not None


def test_a_key_that_is_no_word_is_refused() -> None:
    with pytest.raises(DeclarationError, match="a key is one word or number"):
        Declared("parameters: {[a]: 1}", "x")


@given(text=TEXTS)
def test_a_text_that_cannot_be_read_has_one_message_at_one_of_its_lines(text: str) -> None:
    try:
        Declared(text, "x")
    except DeclarationError as error:
        [found] = error.diagnostics
        assert found.line is not None
        assert 1 <= found.line <= text.count("\n") + 2


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.dates()
    | st.datetimes(allow_imaginary=False).map(lambda moment: moment.replace(fold=0)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab:, no"), inner, max_size=3),
    max_leaves=5,
)


@given(VALUES)
def test_a_written_value_is_read_as_that_value_and_stands_on_one_line(value: object) -> None:
    text = yaml_document.written(value)
    assert text.splitlines() == [text]
    assert repr(yaml.safe_load(text)) == repr(value)
