"""Check the chart that a query declares against the columns of its answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gateway.errors import Diagnostic, Rule, Severity
from gateway.model import Column
from gateway.query.template import Template
from gateway.suggestions import did_you_mean

_NUMBER = re.compile(r"U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)")
"""Types that pages draw as numbers; ``numeric`` in ``values.js`` is the same."""
_OF_NUMBERS = {"line": "a line goes up and down", "bar": "bars are as long as they are"}
"""Marks whose ``y`` is a number, and why."""


def check_chart(template: Template, columns: Sequence[Column]) -> Iterator[Diagnostic]:
    """Warn of a declared chart of columns that the answer does not have, or that cannot be drawn so."""
    chart, types = template.front.chart, {column.name: column.type for column in columns}
    if chart is None:
        return
    for key, name in (("x", chart.x), ("y", chart.y), ("color", chart.color)):
        if name is not None and name not in types:
            hint = did_you_mean(name, types) or f"the answer has {', '.join(types)}"
            yield _at(template, key, f"chart: {key} is {name!r}, which is no column of the answer", hint)
    why, type_of_y = _OF_NUMBERS.get(chart.mark or ""), types.get(chart.y)
    if why is not None and type_of_y is not None and not _NUMBER.fullmatch(type_of_y):
        numbers = [name for name, kind in types.items() if _NUMBER.fullmatch(kind)]
        hint = f"numbers are {', '.join(numbers)}" if numbers else "mark: heat draws texts"
        yield _at(template, "y", f"chart: y is {chart.y!r}, a {type_of_y}, and {why}: it has to be a number", hint)


def _at(template: Template, key: str, message: str, hint: str) -> Diagnostic:
    line, column = template.chart_places[key]
    return Diagnostic(
        path=template.path,
        line=line,
        column=column,
        message=message,
        hint=hint,
        rule=Rule.FRONT_MATTER,
        severity=Severity.WARNING,
    )
