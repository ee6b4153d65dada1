"""Cursors survive the way out and back, and nothing else is taken for one."""

from __future__ import annotations

import base64
from hashlib import blake2b

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import MalformedRequest
from gateway.web.cursor import Cursor, question_digest, same_question

CURSOR = Cursor(key="ab12", question="q", offset=10, limit=5)


def forged(fields: object, secret: bytes = b"") -> str:
    payload = orjson.dumps(fields)
    check = blake2b(payload, key=secret, digest_size=12, person=b"gateway cursor").digest()
    return base64.urlsafe_b64encode(check + payload).decode().rstrip("=")


def test_a_cursor_reads_back_as_it_was_written() -> None:
    assert Cursor.decode(CURSOR.encode(b"secret"), b"secret") == CURSOR


@given(st.text(max_size=200))
def test_a_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(MalformedRequest):
        Cursor.decode(text)


@given(st.data())
def test_a_changed_character_is_noticed(data: st.DataObject) -> None:
    text = CURSOR.encode()
    place = data.draw(st.integers(0, len(text) - 2))
    other = data.draw(st.sampled_from("abcXYZ019-_").filter(lambda character: character != text[place]))
    with pytest.raises(MalformedRequest):
        Cursor.decode(text[:place] + other + text[place + 1 :])


def test_a_cursor_signed_with_another_secret_is_refused() -> None:
    with pytest.raises(MalformedRequest, match="not one that this server gave"):
        Cursor.decode(CURSOR.encode(b"one"), b"two")


@pytest.mark.parametrize(
    "fields",
    [
        [1, "../../secret", "q", 0, 1],
        [1, "a/b", "q", 0, 1],
        [1, "a", "q", -1, 1],
        [1, "a", "q", 0, -1],
        [1, "a", "q", "0", 1],
        [1, "a", 5, 0, 1],
        [1, "a", "q", 0],
        [],
        {},
        "x",
    ],
)
def test_a_cursor_with_a_right_sum_and_wrong_fields_is_refused(fields: object) -> None:
    with pytest.raises(MalformedRequest, match="not one that this server gave"):
        Cursor.decode(forged(fields))


def test_a_cursor_of_another_form_says_so() -> None:
    with pytest.raises(MalformedRequest, match="another version of this server"):
        Cursor.decode(forged([2, "anything"]))


def test_a_cursor_is_refused_for_another_question() -> None:
    cursor = Cursor(key="a", question=question_digest("q", 1, [("a", ["1"])]), offset=0, limit=1)
    assert same_question(cursor, question_digest("q", 1, [("a", ["1"])])) is cursor
    with pytest.raises(MalformedRequest, match="another question"):
        same_question(cursor, question_digest("q", 1, [("a", ["2"])]))
