"""An Arrow IPC stream that arrives in pieces, as record batches: the part that does no I/O."""

from __future__ import annotations

import struct
from collections import deque
from io import RawIOBase

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
        self._pieces = _Pieces()
        self._ready = _Ready()
        self._reader: pa.RecordBatchStreamReader | None = None
        self._wanted = _HEAD

    @property
    def schema(self) -> pa.Schema | None:
        """The columns, None until they have come."""
        return self._reader.schema if self._reader is not None else None

    def feed(self, piece: bytes) -> list[pa.RecordBatch]:
        """Take the next bytes; return the batches that they complete. Raises StreamDamaged."""
        self.received += len(piece)
        if self.ended and piece:
            raise StreamDamaged("bytes follow the end of the stream")
        self._pieces.add(piece)
        batches = []
        while not self.ended and self._pieces.length >= self._wanted:
            if (batch := self._advance()) is not None:
                batches.append(batch)
        self.rows += sum(batch.num_rows for batch in batches)
        return batches

    def _advance(self) -> pa.RecordBatch | None:
        """Look one step further into the message at hand; take it when it is whole."""
        continues, size = struct.unpack("<4si", self._pieces.peek(_HEAD))
        if continues != _CONTINUES or size < 0:
            raise StreamDamaged("a message of the stream does not begin as one")
        if size == 0:
            self.ended = True
            return None
        if self._pieces.length < _HEAD + size:
            self._wanted = _HEAD + size
            return None
        kind, body = _message(self._pieces.peek(_HEAD + size)[_HEAD:])
        if self._pieces.length < _HEAD + size + body:
            self._wanted = _HEAD + size + body
            return None
        self._wanted = _HEAD
        for length in (4, 4, size, body):  # as the reader asks for them
            self._ready.add(self._pieces.take(length))
        return self._taken(kind)

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


class _Pieces:
    """Bytes in the pieces that they came in."""

    def __init__(self) -> None:
        self.length = 0
        self._pieces: deque[memoryview] = deque()

    def add(self, piece: bytes | memoryview) -> None:
        if piece:
            self._pieces.append(memoryview(piece))
            self.length += len(piece)

    def peek(self, length: int) -> bytes:
        """Return the first *length* bytes, which are there, and leave them."""
        if len(self._pieces[0]) < length:
            taken = memoryview(self.take(length))
            self._pieces.appendleft(taken)
            self.length += length
        return bytes(self._pieces[0][:length])

    def take(self, length: int) -> bytes:
        """Return the first *length* bytes, which are there, in one piece."""
        first = self._pieces[0] if self._pieces else memoryview(b"")
        if isinstance(first.obj, bytes) and len(first) == len(first.obj) == length > 0:
            self._pieces.popleft()  # it is in one piece already, and need not be copied
            self.length -= length
            return first.obj
        found, missing = [], length
        while missing:
            piece = self._pieces.popleft()
            if len(piece) > missing:
                self._pieces.appendleft(piece[missing:])
                piece = piece[:missing]
            found.append(piece)
            missing -= len(piece)
        self.length -= length
        return b"".join(found)


class _Ready(RawIOBase):
    """The whole messages that Arrow's reader reads next, as a file."""

    def __init__(self) -> None:
        self._pieces = _Pieces()

    def add(self, piece: bytes) -> None:
        self._pieces.add(piece)

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        length = self._pieces.length
        return self._pieces.take(length if size is None or size < 0 else min(size, length))
