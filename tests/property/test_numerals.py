"""A double is what was written, or the numeral is refused: no digit is lost without a word, as text or as JSON."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gateway.query.coerce import coerce
from gateway.query.refused import Refused
from gateway.query.types import parse_type
from gateway.web.parsing import parse_json

DOUBLE, MONEY = parse_type("double"), parse_type("decimal(18,4)")
FINITE = st.floats(allow_nan=False, allow_infinity=False)
NUMERALS = st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


def read(text: str, *, as_json: bool, type_: Any = DOUBLE) -> Any:
    given = parse_json(b'{"f": %b}' % text.encode())["f"] if as_json else text
    return coerce(given, type_)


@given(FINITE, st.sampled_from(["{!r}", "{:.16e}", "{:.25e}", "{:.17g}"]), st.booleans())
@example(5e-324, "{!r}", True)
@example(2.0**-1022, "{!r}", False)
def test_what_programs_write_of_a_double_is_read_as_that_double(value: float, form: str, as_json: bool) -> None:
    assume(form.format(value) != "-0")  # in JSON that is the integer 0
    found = read(form.format(value), as_json=as_json)
    assert (found, math.copysign(1, found)) == (value, math.copysign(1, value))


@given(NUMERALS, st.booleans())
@example("1e-400", True)
@example("1e-400", False)
@example("1e400", True)
@example("9007199254740993", True)
@example("9007199254740993", False)
@example("0.1000000000000000000001", True)
@example("2.5e-324", False)
def test_a_numeral_is_kept_to_its_last_digit_or_refused(text: str, as_json: bool) -> None:
    try:
        found = read(text, as_json=as_json)
    except Refused:
        assert exactly(text) != shortest(text)
        return
    wanted = exactly(text)
    scale = Fraction(10) ** (Decimal(text).adjusted() - max(len(significant(text)) - 1, 0))
    assert abs(Fraction(found) - wanted) <= max(scale, abs(wanted) / 10**15)
    assert (found == 0) == (wanted == 0)
    assert math.isfinite(found)


def exactly(text: str) -> Fraction:
    return Fraction(Decimal(text))


def shortest(text: str) -> Fraction | None:
    nearest = float(text)
    return None if math.isinf(nearest) else Fraction(Decimal(repr(nearest)))


def significant(text: str) -> str:
    return "".join(map(str, Decimal(text).as_tuple().digits)).strip("0")


@pytest.mark.parametrize(
    "number", ["12.3400000000000000001", "1e-400", "1.00000000000000000000001", "123456789012345.67"]
)
def test_a_json_number_whose_digits_a_reader_loses_is_no_decimal(number: str) -> None:
    with pytest.raises(Refused, match="write it as a text"):
        read(number, as_json=True, type_=MONEY)
    assert json.loads(number) is not None


@given(st.integers(), st.booleans())
@example(2**53 + 1, True)
@example(10**22, True)
def test_an_integer_for_a_double_is_kept_or_refused(value: int, as_json: bool) -> None:
    try:
        found = read(str(value), as_json=as_json)
    except Refused:
        assert int(float(value)) != value
        return
    digits = max(len(str(abs(value)).rstrip("0")), 1) - 1
    assert found == float(value)
    assert Decimal(f"{found:.{digits}e}") == value


@pytest.mark.parametrize(
    ("text", "told"), [("1e-400", "too near to zero"), ("1e400", "too large"), ("3e-324", "5e-324")]
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_refusal_repeats_what_was_written_and_says_why(text: str, told: str, as_json: bool) -> None:
    with pytest.raises(Refused, match=rf"{text}.*{told}"):
        read(text, as_json=as_json)


@pytest.mark.parametrize(
    "text", ["0." + "1" * 2_000_000, "1" * 2_000_000 + ".5", "0.5" + "0" * 2_000_000, "1e" + "9" * 9_999]
)
def test_a_numeral_of_millions_of_digits_is_refused_in_few_words(text: str) -> None:
    for type_ in (DOUBLE, MONEY):
        with pytest.raises(Refused) as caught:
            read(text, as_json=True, type_=type_)
        assert len(str(caught.value)) < 300
