"""The lineage of a dataset as a drawing: what its query reads, the query, the dataset, and what reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_WIDE, _HIGH, _GAP, _BETWEEN = 190, 44, 14, 70
_LONGEST = 24
"""Characters of a name that fit into its box."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A box: a table, a query or a dataset, with the path of its page where whoever looks may see it."""

    kind: str
    name: str
    path: str | None = None

    @property
    def short(self) -> str:
        """The name as far as it fits."""
        return self.name if len(self.name) <= _LONGEST else f"{self.name[: _LONGEST - 1]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A node and where it is drawn."""

    node: Node
    x: int
    y: int
    width: int = _WIDE
    height: int = _HIGH


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Boxes, and lines between them as paths of SVG."""

    width: int
    height: int
    boxes: Sequence[Box]
    lines: Sequence[str]


def drawn(columns: Sequence[Sequence[Node]], edges: Mapping[Node, Sequence[Node]]) -> Drawing:
    """Draw columns of nodes from left to right, and a line for each edge from a node to one on its right."""
    filled = [column for column in columns if column]
    tallest = max(len(column) for column in filled)
    height = tallest * (_HIGH + _GAP) - _GAP + 4
    boxes: dict[Node, Box] = {}
    for number, column in enumerate(filled):
        above = (height - len(column) * (_HIGH + _GAP) + _GAP) // 2
        for line, node in enumerate(column):
            boxes[node] = Box(node=node, x=2 + number * (_WIDE + _BETWEEN), y=above + line * (_HIGH + _GAP))
    lines = [_line(boxes[start], boxes[end]) for start, ends in edges.items() for end in ends]
    width = len(filled) * (_WIDE + _BETWEEN) - _BETWEEN + 4
    return Drawing(width=width, height=height, boxes=list(boxes.values()), lines=lines)


def _line(start: Box, end: Box) -> str:
    x, y = start.x + start.width, start.y + start.height // 2
    to_x, to_y = end.x, end.y + end.height // 2
    middle = (x + to_x) // 2
    return f"M{x} {y}C{middle} {y} {middle} {to_y} {to_x} {to_y}"
