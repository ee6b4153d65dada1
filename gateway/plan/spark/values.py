"""Values of parameters as texts that Spark casts to their types."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from gateway.model import Value
from gateway.plan.spark.portability import refused

ESCAPE: Final = "\x01"
"""What escapes in a pattern of LIKE: no text has it."""


def spark_value(value: Value) -> str | None:
    """Write a value as Spark's CAST reads it; None is NULL. Raises ``NotPortable``.

    >>> spark_value(True), spark_value(Decimal("1E+2")), spark_value(datetime(2024, 1, 2, 3))
    ('true', '100', '2024-01-02 03:00:00')
    """
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case str() if ESCAPE in value:
            raise refused("a text with a control character cannot be bound")
        case int() | str():
            return str(value)
        case float():
            return repr(value)
        case Decimal():
            return format(value, "f")
        case datetime():
            return (value if value.tzinfo is None else value.astimezone(UTC)).isoformat(sep=" ")
        case date():
            return value.isoformat()
        case _:
            raise refused(f"a value of the type {type(value).__name__} cannot be bound")
