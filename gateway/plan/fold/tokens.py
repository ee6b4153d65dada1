"""The text of the queries in a text, found by its tokens: SELECTs, arms of set operations, expressions of WITH."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from gateway.query.lexer import CLOSING, OPENING, Token, TokenKind, lex

_JOINING: Final = frozenset({"union", "intersect", "except"})
_OF_JOINING: Final = frozenset({"all", "distinct", "by", "name"})
_MODIFIERS: Final = frozenset({"order", "limit", "offset"})
"""Words that end the last arm of a set operation: what follows is of all of its rows."""
_BEFORE_EXPRESSIONS: Final = frozenset({"as", "materialized"})


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text, from ``start`` to ``end`` (left out)."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """Return the part of *text*."""
        return text[self.start : self.end]

    def holds(self, position: int) -> bool:
        """Return whether a position is in it."""
        return self.start <= position < self.end


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a query, in which its SELECTs are found."""

    tokens: Sequence[Token]
    _starts: Sequence[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Note where tokens begin: a text of hundreds of SELECTs is searched for each of them."""
        object.__setattr__(self, "_starts", [token.start for token in self.tokens])

    @classmethod
    def read(cls, sql: str) -> Tokens:
        """Read a text. Raises ``SqlError`` where it is not understood."""
        return cls([token for token in lex(sql) if token.text != ";"])

    def within(self, span: Span) -> Sequence[Token]:
        """Return the tokens of a part of the text."""
        return self.tokens[self._first_from(span.start) : self._first_from(span.end)]

    def around(self, position: int) -> Span:
        """Return the text of the innermost SELECT around a position, without its WITH; of a union, that of its arm."""
        depth, index = 0, self._first_from(position) - 1
        while index >= 0:
            depth -= self.tokens[index].deeper
            if depth < 0:
                depth = 0
                if self.tokens[index].text == "(" and self.tokens[index + 1].text.lower() == "select":
                    return self._select(index + 1, is_arm=False)
            elif depth == 0 and self._joins(index):
                return self._select(self._after_joining(index), is_arm=True)
            index -= 1
        return self._select(self._after_with(), is_arm=False)

    @property
    def query(self) -> Span:
        """The whole text without its WITH."""
        return Span(self.tokens[self._after_with()].start, self.tokens[-1].end)

    def queries(self, position: int) -> Iterator[Span]:
        """Walk the texts in parentheses around a position, from within, and at last that of the whole query."""
        depth = 0
        for index in reversed(range(self._first_from(position))):
            depth -= self.tokens[index].deeper
            if depth < 0:
                depth = 0
                end = closing(self.tokens, index)
                if end > index + 1:
                    yield Span(self.tokens[index + 1].start, self.tokens[end - 1].end)
        yield self.query

    def arms_of(self, query: Span) -> Span:
        """Return the text of the arms of a set operation, which its ORDER BY and LIMIT follow."""
        return self._until(query, _MODIFIERS)

    def ordered_until(self, query: Span) -> int:
        """Return where the ORDER BY of a set operation ends, or would."""
        return self._until(query, _MODIFIERS - {"order"}).end

    def _until(self, query: Span, words: Collection[str]) -> Span:
        """Return the text of a query up to one of some words that stands in no parentheses."""
        start, end = self._first_from(query.start), self._first_from(query.end)
        end = next((index for index in self._outside(start, end) if self._is_modifier(index, words)), end)
        return Span(query.start, self.tokens[end - 1].end)

    def before(self, position: int) -> int:
        """Return where the last token before a position begins."""
        return self._starts[max(self._first_from(position) - 1, 0)]

    def expressions_of_with(self) -> list[Span]:
        """Return the texts of the expressions of the outermost WITH."""
        made, start, depth, end = [], 1, 0, self._after_with()
        for index in range(1, end):
            depth += self.tokens[index].deeper
            if depth == 0 and self.tokens[index].text == ",":
                made.append(Span(self.tokens[start].start, self.tokens[index - 1].end))
                start = index + 1
        return [*made, Span(self.tokens[start].start, self.tokens[end - 1].end)]

    def calls(self) -> Iterator[str]:
        """Walk the names that stand before an opening parenthesis, in lower case."""
        for name, opening in pairwise(self.tokens):
            if opening.text == "(":
                yield name.name

    def _after_with(self) -> int:
        """Return where the outermost query begins after its WITH."""
        if self.tokens[0].text.lower() != "with":
            return 0
        for index in self._outside(0, len(self.tokens)):
            if self.tokens[index].text != "(" or self.tokens[index - 1].text.lower() not in _BEFORE_EXPRESSIONS:
                continue
            after = closing(self.tokens, index) + 1
            if after < len(self.tokens) and self.tokens[after].text != ",":
                return after
        return 0

    def _first_from(self, position: int) -> int:
        """Return the first token that begins at a position or after it."""
        return bisect_left(self._starts, position)

    def _select(self, start: int, *, is_arm: bool) -> Span:
        """Return the text of the SELECT that begins at a token; the last arm of a union ends before its ORDER BY."""
        end = start
        for end in self._outside(start, len(self.tokens)):
            if self._joins(end) or (is_arm and self._is_modifier(end)) or self.tokens[end].text in CLOSING:
                return Span(self.tokens[start].start, self.tokens[end - 1].end)
        return Span(self.tokens[start].start, self.tokens[-1].end)

    def _joins(self, index: int) -> bool:
        token = self.tokens[index]
        return token.kind is TokenKind.WORD and token.name in _JOINING and self.tokens[index - 1].text != "."

    def _after_joining(self, index: int) -> int:
        """Return the first token after UNION ALL BY NAME and the like."""
        index += 1
        while self.tokens[index].name in _OF_JOINING:
            index += 1
        return index

    def _is_modifier(self, index: int, words: Collection[str] = _MODIFIERS) -> bool:
        return self.tokens[index].kind is TokenKind.WORD and self.tokens[index].name in words

    def _outside(self, start: int, end: int) -> Iterator[int]:
        """Walk the tokens that stand in no parentheses, brackets or braces, up to what closes those around them."""
        depth = 0
        for index in range(start, end):
            text = self.tokens[index].text
            depth -= text in CLOSING
            if depth < 0 or (depth == 0 and text not in CLOSING):
                yield index
            if depth < 0:
                return
            depth += text in OPENING


def closing(tokens: Sequence[Token], opening: int) -> int:
    """Return where what is opened at a place is closed; in a text that was parsed, everything is."""
    depth = 0
    for index in range(opening, len(tokens)):
        depth += tokens[index].deeper
        if depth == 0:
            return index
    return len(tokens) - 1
