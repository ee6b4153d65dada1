"""Reads the part of Thrift's compact protocol that Parquet footers use.

A struct becomes a dict of its fields by their numbers, a list a list, text and binary bytes. See the specification of
the protocol at the Apache Thrift project (``doc/specs/thrift-compact-protocol.md``).
"""

from __future__ import annotations

import struct
from typing import Any

Struct = dict[int, Any]

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_DEEPEST = 64


class Malformed(Exception):
    """The bytes are not what the protocol says."""


class Reader:
    """A place in some bytes. Every method raises ``Malformed`` where they do not go on as they should."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def field(self, before: int) -> tuple[int, int] | None:
        """Read the head of a struct's next field: its number (*before* is that of the last one) and type."""
        head = self._byte()
        if head == 0:
            return None
        number = before + (head >> 4) if head >> 4 else self.integer()
        return number, head & 15

    def value(self, kind: int, depth: int = 0) -> Any:
        """Read a value of the given type."""
        if depth > _DEEPEST:
            raise Malformed("nested too deeply")
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind == _BYTE:
            return self._byte()
        if kind in (_I16, _I32, _I64):
            return self.integer()
        if kind == _DOUBLE:
            return struct.unpack("<d", self._take(8))[0]
        if kind == _BINARY:
            return self._take(self._varint())
        if kind in (_LIST, _SET):
            return self._list(depth + 1)
        if kind == _STRUCT:
            return self._struct(depth + 1)
        raise Malformed(f"type {kind}")  # maps, too: a footer has none

    def integer(self) -> int:
        """Read a signed integer."""
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def _struct(self, depth: int) -> Struct:
        found: Struct = {}
        number = 0
        while (head := self.field(number)) is not None:
            number, kind = head
            found[number] = self.value(kind, depth)
        return found

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        kind, count = head & 15, head >> 4
        if count == 15:
            count = self._varint()
        if count > len(self.data) - self.at:  # every item takes a byte or more
            raise Malformed("a list longer than the data")
        if kind in (_TRUE, _FALSE):
            return [self._byte() == _TRUE for _ in range(count)]
        return [self.value(kind, depth) for _ in range(count)]

    def _varint(self) -> int:
        number = shift = 0
        while shift < 70:
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
            shift += 7
        raise Malformed("an integer of more than 64 bits")

    def _byte(self) -> int:
        if self.at >= len(self.data):
            raise Malformed("the data end early")
        self.at += 1
        return self.data[self.at - 1]

    def _take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.data):
            raise Malformed("the data end early")
        taken, self.at = self.data[self.at : end], end
        return taken
