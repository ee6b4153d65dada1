"""Text files of other encodings as UTF-8, which is what DuckDB reads without losing a row.

What a byte order mark says is certain; nothing else is guessed. A file that is no UTF-8 is refused with its first wrong
line and the option to give.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from gateway.errors import InputInvalid

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
"""Encodings by their byte order marks, of which a longer one may begin with a shorter one."""
COMPRESSED = frozenset({".gz", ".zst"})
_CHUNK = 2**20
_OTHERS = "latin-1, cp1252 (Windows), utf-16-le"


def known_encoding(name: str) -> str:
    """Check the name of a text encoding. Raises ``ValueError``."""
    try:
        "a".encode(name)
    except LookupError as error:
        raise ValueError(f"{name!r} is no encoding of text: give one such as {_OTHERS}") from error
    return name


def in_utf8(paths: Sequence[str], encoding: str | None, scratch: Path) -> list[str]:
    """Return the paths of text files in UTF-8: those that are not are copied into *scratch*.

    *encoding* is theirs; None: that of their byte order marks, else UTF-8. Raises ``InputInvalid``.
    """
    return [_in_utf8(path, encoding, scratch / f"{number}") for number, path in enumerate(paths)]


def wrong_line(paths: Sequence[str]) -> InputInvalid | None:
    """Find the first line that is no UTF-8, and say what to do."""
    for path in paths:
        try:
            for _ in _decoded(path, "utf-8"):
                continue
        except InputInvalid as error:
            return InputInvalid(f"{error.detail} Give its encoding: --encoding {_OTHERS} …")
    return None


def _in_utf8(path: str, encoding: str | None, folder: Path) -> str:
    start = _start(path)
    marked = next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)
    if encoding is None and marked is None:
        _refuse_wide(path, start)
        return path
    folder.mkdir(parents=True)
    copy = folder / _uncompressed(path)
    with copy.open("w", encoding="utf-8", newline="") as sink:
        for number, text in enumerate(_decoded(path, encoding or marked or "utf-8")):
            sink.write(text if number else text.removeprefix("\ufeff"))
    return str(copy)


def _refuse_wide(path: str, start: bytes) -> None:
    """Refuse UTF-16 without a mark: in ASCII every other byte of it is 0, which UTF-8 allows and no text has."""
    if b"\0" in start[:2]:
        guess = "utf-16-be" if start[0] == 0 else "utf-16-le"
        raise InputInvalid(f"{path}: it looks like UTF-16 without a byte order mark: give --encoding {guess}.")


def _decoded(path: str, encoding: str) -> Iterator[str]:
    """Decode a file piece by piece. Raises ``InputInvalid`` with the line of the first byte that is wrong."""
    decoder, lines = codecs.getincrementaldecoder(encoding)(), 1
    with _reading(path) as file:
        while True:
            chunk = file.read(_CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                before = error.object[: error.start].decode(encoding, errors="ignore")
                line = lines + before.count("\n")
                raise InputInvalid(
                    f"{path}, line {line}: it is not {encoding.removesuffix('-sig').upper()}."
                ) from error
            yield text
            lines += text.count("\n")
            if not chunk:
                return


def _start(path: str) -> bytes:
    with _reading(path) as file:
        return bytes(file.read(4))


@contextmanager
def _reading(path: str) -> Iterator[Any]:
    """Open a file, and decompress it as its name says. Raises ``InputInvalid`` where that fails."""
    try:
        with pa.input_stream(path, compression="detect") as file:
            yield file
    except OSError as error:
        raise InputInvalid(f"{path}: it cannot be read: {error.strerror or str(error).rstrip('.')}.") from error


def _uncompressed(path: str) -> str:
    name = Path(path).name
    return name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in COMPRESSED else name
