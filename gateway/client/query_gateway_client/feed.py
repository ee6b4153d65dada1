"""An Arrow IPC stream that arrives in pieces, as record batches: the part that does no I/O."""

from __future__ import annotations

import struct
from collections import deque
from io import RawIOBase
from typing import Any

import pyarrow as pa

_CONTINUES = b"\xff\xff\xff\xff"
_HEAD = 8
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3  # MessageHeader of the format's Message.fbs


class StreamDamaged(Exception):
    """The bytes are not those of an Arrow stream; caught where they were received."""


class Feed:
    """Takes the bytes of one stream as they come, in pieces of any length, and gives its batches.

    It holds the bytes of one unfinished message and the batches of the piece that was fed last. ``received`` counts
    bytes, ``rows`` the rows given; ``ended`` is True after the mark of the end of the stream: a connection that closes
    before that has cut the stream.
    """

    def __init__(self) -> None:
        self.received = 0
        self.rows = 0
        self.ended = False
        self._message: list[pa.Buffer] = []
        """The parts of the message at hand that are whole: what it begins with, and its metadata."""
        self._part = _Part(_HEAD)
        self._kind = 0
        self._ready = _Ready()
        self._reader: pa.RecordBatchStreamReader | None = None

    @property
    def schema(self) -> pa.Schema | None:
        """The columns, None until they have come."""
        return self._reader.schema if self._reader is not None else None

    def feed(self, piece: bytes) -> list[pa.RecordBatch]:
        """Take the next bytes; return the batches that they complete. Raises StreamDamaged."""
        self.received += len(piece)
        if self.ended and piece:
            raise StreamDamaged("bytes follow the end of the stream")
        rest, batches = memoryview(piece), []
        while not self.ended and (rest or self._part.whole):
            rest = self._part.fill(rest)
            if self._part.whole and (batch := self._advance()) is not None:
                batches.append(batch)
        self.rows += sum(batch.num_rows for batch in batches)
        return batches

    def _advance(self) -> pa.RecordBatch | None:
        """Take a part that is whole, and begin the next one; after the last one of a message take that."""
        self._message.append(self._part.buffer)
        if len(self._message) == 1:
            self._part = _Part(self._length())
            return None
        if len(self._message) == 2:
            self._kind, length = _message(self._message[1].to_pybytes())
            self._part = _Part(length)
            return None
        head, metadata, body = self._message
        self._message, self._part = [], _Part(_HEAD)
        self._ready.add(head[:4], head[4:], metadata, body)  # as the reader asks for them
        return self._taken(self._kind)

    def _length(self) -> int:
        """Return the length of the metadata of a message; 0 at the end of the stream."""
        continues, length = struct.unpack("<4si", self._message[0])
        if continues != _CONTINUES or length < 0:
            raise StreamDamaged("a message of the stream does not begin as one")
        self.ended = not length
        return int(length)

    def _taken(self, kind: int) -> pa.RecordBatch | None:
        try:
            if kind == _SCHEMA:
                self._reader = pa.ipc.open_stream(pa.PythonFile(self._ready, mode="r"))
            if kind != _BATCH:
                return None  # dictionaries wait for the batch that needs them
            if self._reader is None:
                raise StreamDamaged("rows come before their schema")
            return self._reader.read_next_batch()
        except pa.ArrowException as error:
            raise StreamDamaged(str(error)) from error


def _message(metadata: bytes) -> tuple[int, int]:
    """Read the kind and the length of the body from a message's FlatBuffer: its fields 1 and 3."""
    try:
        (table,) = struct.unpack_from("<I", metadata)
        vtable = table - struct.unpack_from("<i", metadata, table)[0]
        size, _, _, kind_at, _, body_at = struct.unpack_from("<6H", metadata, vtable)
        kind = metadata[table + kind_at] if kind_at else 0
        body = struct.unpack_from("<q", metadata, table + body_at)[0] if size > 10 and body_at else 0
    except (struct.error, IndexError) as error:
        raise StreamDamaged("a message of the stream has no readable head") from error
    if body < 0:
        raise StreamDamaged("a message of the stream has a length below zero")
    return kind, body


class _Part:
    """A part of a message, of which so many bytes come: each is copied once, into memory that Arrow uses again."""

    def __init__(self, length: int) -> None:
        try:
            self.buffer = pa.allocate_buffer(length)
        except pa.ArrowException as error:
            raise StreamDamaged(f"a message of the stream has a part of {length:,} bytes") from error
        self._missing = memoryview(self.buffer if length else bytearray()).cast("B")

    @property
    def whole(self) -> bool:
        return not self._missing

    def fill(self, piece: memoryview) -> memoryview:
        """Take what is missing from a *piece*; return what is left of it."""
        length = min(len(piece), len(self._missing))
        self._missing[:length] = piece[:length]
        self._missing = self._missing[length:]
        return piece[length:]


class _Ready(RawIOBase):
    """The parts of whole messages that Arrow's reader reads next, as a file. It asks for them one by one."""

    def __init__(self) -> None:
        self._parts: deque[pa.Buffer] = deque()

    def add(self, *parts: pa.Buffer) -> None:
        self._parts.extend(part for part in parts if part.size)

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> Any:
        """Return the next part, which is not copied where it is as long as is asked for."""
        if not self._parts:
            return b""
        part = self._parts.popleft()
        if size is None or size < 0 or size >= part.size:
            return part
        self._parts.appendleft(part[size:])
        return part[:size]
