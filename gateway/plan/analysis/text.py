"""Prepares the author's text for sqlglot, and maps positions in it back to the original.

sqlglot's tokenizer takes ``$a,$`` for a dollar-quote tag, so every parameter is padded. Calls that read the clock
become placeholders of their own, so that the tree tells where each of them is used.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

NOW: Final = "__now"
"""Reserved parameter: the instant of the request, a TIMESTAMP WITH TIME ZONE."""

_INSTANT = f"CAST(${NOW} AS TIMESTAMPTZ)"
_LOCAL = f"CAST({_INSTANT} AS TIMESTAMP)"
_TIMESTAMPTZ = "TIMESTAMP WITH TIME ZONE"
_CALLS: dict[str, tuple[str, str]] = {
    "now": (_TIMESTAMPTZ, _INSTANT),
    "get_current_timestamp": (_TIMESTAMPTZ, _INSTANT),
    "transaction_timestamp": (_TIMESTAMPTZ, _INSTANT),
    "current_timestamp": (_TIMESTAMPTZ, _INSTANT),
    "current_date": ("DATE", f"CAST({_INSTANT} AS DATE)"),
    "today": ("DATE", f"CAST({_INSTANT} AS DATE)"),
    "current_localtimestamp": ("TIMESTAMP", _LOCAL),
    "localtimestamp": ("TIMESTAMP", _LOCAL),
    "current_localtime": ("TIME", f"CAST({_LOCAL} AS TIME)"),
    "localtime": ("TIME", f"CAST({_LOCAL} AS TIME)"),
    "get_current_time": ("TIME WITH TIME ZONE", f"CAST({_INSTANT} AS TIMETZ)"),
    "current_time": ("TIME WITH TIME ZONE", f"CAST({_INSTANT} AS TIMETZ)"),
}
_KEYWORDS = {"current_timestamp", "current_date", "localtimestamp", "localtime", "current_time"}
"""Those that stand without parentheses, unless a column has the name."""
_CLOCK = re.compile(r"\$?__clock_(\d+)\b")

_LEXEME = re.compile(
    r"""
    (?P<text>[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* )
  | (?P<comment>/\*)
  | (?P<quote>\$(?:[A-Za-z_\x80-\U0010ffff][A-Za-z_0-9\x80-\U0010ffff]*)?\$)
  | (?P<parameter>\$\w+)
  | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$]*)
    """,
    re.VERBOSE | re.DOTALL,
)
_AFTER_WORD = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(\(\s*\)|\()?", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One call that reads the clock: its position in the author's text, its DuckDB type, what replaces it."""

    start: int
    end: int
    type: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Text:
    """A text made ready for sqlglot. ``clocks[k]`` is the placeholder ``$__clock_k`` of ``parsed``."""

    author: str
    parsed: str
    clocks: tuple[Clock, ...]
    _parsed_starts: tuple[int, ...]
    _author_starts: tuple[int, ...]

    def position(self, parsed: int) -> int:
        """Map a position in ``parsed`` to the author's text."""
        at = bisect_right(self._parsed_starts, parsed) - 1
        return self._author_starts[at] + parsed - self._parsed_starts[at]

    def clock(self, placeholder: str) -> Clock | None:
        """Return the clock call that a placeholder's name stands for, None for a parameter."""
        match = _CLOCK.fullmatch(placeholder)
        return self.clocks[int(match[1])] if match else None

    def executable(self, sql: str) -> str:
        """Write the clock placeholders of generated SQL as expressions over the reserved parameter."""
        return _CLOCK.sub(lambda match: self.clocks[int(match[1])].replacement, sql)

    def readable(self, sql: str) -> str:
        """Write the clock placeholders of generated SQL as the author wrote them."""
        return _CLOCK.sub(lambda match: self._written(int(match[1])), sql)

    def _written(self, number: int) -> str:
        clock = self.clocks[number]
        return self.author[clock.start : clock.end]


def read(author: str, columns: Collection[str] = ()) -> Text:
    """Make *author*'s SQL ready for sqlglot; *columns* are lower-case names that hide the clock keywords.

    >>> read("SELECT now() IN ($a,$b)").parsed
    'SELECT $__clock_0  IN ($a ,$b )\\n'
    """
    edits: list[tuple[int, int, str]] = []
    clocks: list[Clock] = []
    at = 0
    while match := _LEXEME.search(author, at):
        at = match.end()
        if match["comment"]:
            at = _comment_end(author, match.start())
        elif match["quote"]:
            closing = author.find(match["quote"], at)
            at = len(author) if closing < 0 else closing + len(match["quote"])
        elif match["parameter"]:
            edits.append((at, at, " "))
        elif match["word"]:
            clock = _clock_at(author, match, columns)
            if clock is not None:
                edits.append((clock.start, clock.end, f"$__clock_{len(clocks)} "))
                clocks.append(clock)
                at = clock.end
    return _edited(author, edits, tuple(clocks))


def _clock_at(author: str, match: re.Match[str], columns: Collection[str]) -> Clock | None:
    word = match["word"].lower()
    known = _CALLS.get(word)
    if known is None:
        return None
    before = author[: match.start()].rstrip()
    if before.endswith(".") or before[-3:].lower() in {"as", " as", "\nas", "\tas", ")as"}:
        return None
    after = _AFTER_WORD.match(author, match.end())
    parentheses = after[1] if after else None
    if parentheses is not None and parentheses.endswith(")") and after is not None:
        return Clock(start=match.start(), end=after.end(), type=known[0], replacement=known[1])
    if parentheses is None and word in _KEYWORDS and word not in columns:
        return Clock(start=match.start(), end=match.end(), type=known[0], replacement=known[1])
    return None


def _comment_end(author: str, start: int) -> int:
    """Find the end of a block comment: they nest."""
    depth, at = 0, start
    for match in re.finditer(r"/\*|\*/", author[start:]):
        depth += 1 if match[0] == "/*" else -1
        at = start + match.end()
        if depth == 0:
            return at
    return len(author)


def _edited(author: str, edits: list[tuple[int, int, str]], clocks: tuple[Clock, ...]) -> Text:
    pieces: list[str] = []
    parsed_starts, author_starts = [0], [0]
    done = length = 0
    for start, end, text in edits:
        pieces += [author[done:start], text]
        length += start - done + len(text)
        parsed_starts.append(length)
        author_starts.append(end)
        done = end
    # A text that ends in '' after a parameter is not tokenised without the line end.
    pieces += [author[done:], "\n"]
    return Text(author, "".join(pieces), clocks, tuple(parsed_starts), tuple(author_starts))
