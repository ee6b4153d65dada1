"""Numerals that a double keeps: every digit that was written is one of the nearest double, written as long."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Self

_SAFE_LENGTH = 15
"""Digits that every double keeps which is not near to zero."""
_NEAR_ZERO = 1e-290
_LONGEST = 1_200
"""Characters of the longest numeral that is compared: a double has at most 767 digits."""


class LongNumeral(float):
    """A JSON number that a double may not keep: the nearest double, with the ``text`` that was written."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __repr__(self) -> str:
        return self.text


def json_number(text: str) -> float:
    """Read a JSON number with a fraction or an exponent; one that a double may not keep is a ``LongNumeral``.

    >>> json_number("0.10"), json_number("1e-400"), json_number("1e-400") == 0
    (0.1, 1e-400, True)
    """
    number = float(text)
    return number if _is_short(text, number) else LongNumeral(text)


def _is_short(text: str, number: float) -> bool:
    return len(text) <= _SAFE_LENGTH and (_NEAR_ZERO < abs(number) < math.inf or "e" not in text.lower())


def is_kept(text: str, number: float) -> bool:
    """Tell whether *number*, the double nearest to the numeral *text*, says all of its digits.

    What programs write of a double is kept: the shortest digits that read back as it, 17 digits, or all of them.

    >>> is_kept("0.10000000000000001", 0.1), is_kept("0.10000000000000002", 0.10000000000000002)
    (True, True)
    >>> is_kept("9007199254740993", 9007199254740992.0), is_kept("3e-324", 5e-324)
    (False, False)
    """
    if math.isinf(number) or len(text) > _LONGEST:
        return False
    if _is_short(text, number):
        return True
    written = Decimal(text)
    digits = "".join(map(str, written.as_tuple().digits)).strip("0")
    return written in (Decimal(float.__repr__(number)), Decimal(f"{number:.{max(len(digits), 1) - 1}e}"))
