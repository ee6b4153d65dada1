"""The rows that every writer was given: what a query over its files has to answer."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

COLUMNS = {
    "id": "BIGINT",
    "ts": "TIMESTAMP",
    "amount": "DOUBLE",
    "price": "DECIMAL(10,2)",
    "open": "BOOLEAN",
    "note": "VARCHAR",
    "tags": "VARCHAR[]",
    "day": "DATE",
    "country": "VARCHAR",
}
"""Columns of the table; the last two are those of its folders."""

_COUNTRIES = ["DE", "Ä ö", "a/b", "50%", "x:y=z", "it's", "", None]
"""Texts that writers escape in the names of folders, each in its way, the empty text and NULL."""
_DAYS = {date(2024, 2, 29): _COUNTRIES, date(2024, 12, 31): ["DE", None]}


def rows() -> list[dict[str, Any]]:
    """Return two rows for each day and country; every third note, price and list is NULL."""
    made: list[dict[str, Any]] = []
    folders = [(day, country) for day, countries in _DAYS.items() for country in countries]
    for number, (day, country) in enumerate([*folders, *folders]):
        whole = number % 3 != 0
        made.append(
            {
                "id": number,
                "ts": datetime(day.year, day.month, day.day, number % 24, 30, 15, 123456),
                "amount": number / 4,
                "price": Decimal(number * 111).scaleb(-2) if whole else None,
                "open": number % 2 == 0,
                "note": f"note {number} ✓" if whole else None,
                "tags": ["a", f"t{number}"] if whole else None,
                "day": day,
                "country": country,
            }
        )
    return made
