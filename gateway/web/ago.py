"""How long something is ago, or takes, in words."""

from __future__ import annotations


def ago(seconds: float) -> str:
    """Write how long something is ago.

    >>> ago(20), ago(7_300), ago(200_000)
    ('20 s', '2 h', '2 days')
    """
    for unit, size, until in (("s", 1, 90), ("min", 60, 5_400), ("h", 3_600, 172_800)):
        if seconds < until:
            return f"{round(seconds / size)} {unit}"
    return f"{round(seconds / 86_400)} days"
