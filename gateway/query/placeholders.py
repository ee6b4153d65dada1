"""Find parameters that are written as other tools write them."""

from __future__ import annotations

import re

_NAMED = r"(?:\{{\{{\s*{0}\s*\}}\}}|\$?\{{\s*{0}\s*\}}|%\({0}\)s|\[\[\s*{0}\s*\]\]|(?<!:)[:@#]{0}\b|\${0}\b)"


def foreign_placeholder(sql: str, name: str) -> str | None:
    """Return the first place of a text that stands for a parameter elsewhere, with quotes around it; None without one.

    The forms are those of SQLAlchemy, psycopg, Jinja and dbt, shells, f-strings, T-SQL and Metabase; ``$name`` is one
    where quotes make a text of it.

    >>> [foreign_placeholder(f"d >= {text}", "day") for text in (":day", "'{{ day }}'", "%(day)s", "'$day'", "d::day")]
    [':day', "'{{ day }}'", '%(day)s', "'$day'", None]
    """
    named = _NAMED.format(re.escape(name))
    found = re.search(f"'{named}'|{named}", sql)
    return None if found is None else found[0]
