"""The text of the clauses of a SELECT, found by its tokens."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from gateway.plan.fold.tokens import Span, Tokens, closing
from gateway.query.lexer import CLOSING, OPENING, Token, TokenKind

_SINGLE: Final = frozenset({"select", "from", "where", "having", "qualify", "window", "limit", "offset"})
_DOUBLE: Final = frozenset({"group", "order"})
_FRAMES: Final = ("rows", "range", "groups")
_OF_ORDER: Final = frozenset({"asc", "desc", "nulls", "first", "last"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What follows OVER: where its ORDER BY ends, or would; the first word of its frame, if there is one."""

    arguments: Span
    end: int
    ordered: bool
    frame: str
    excludes: bool


class Clauses:
    """The clauses of one SELECT, *within* a part of a text, without those of its subqueries."""

    def __init__(self, tokens: Tokens, within: Span) -> None:
        """*tokens* are those of the whole text."""
        self._tokens = tokens.within(within)
        self._starts = {token.start: index for index, token in enumerate(self._tokens)}
        self._found: dict[str, tuple[int, int, int]] = dict(self._clauses())

    def has(self, clause: str) -> bool:
        """Return whether there is a *clause*, named by its first word in lower case."""
        return clause in self._found

    @property
    def first(self) -> str:
        """The first clause."""
        return next(iter(self._found), "")

    def span(self, clause: str) -> Span:
        """Return a whole clause, its keyword included."""
        start, _, end = self._found[clause]
        return self._span(start, end)

    def items(self, clause: str) -> list[tuple[int, int]]:
        """Return the items of a clause, between its commas, as the places of their tokens."""
        _, start, end = self._found[clause]
        return self._between_commas(start, end) or [(start, end)]

    def conditions(self) -> list[Span]:
        """Return what the ANDs of WHERE join that stand in no parentheses."""
        if not self.has("where"):
            return []
        _, start, end = self._found["where"]
        made, at, between, cases = [], start, 0, 0
        for index in self._outside(start, end):
            name = self._tokens[index].name if self._tokens[index].kind is TokenKind.WORD else ""
            cases += (name == "case") - (name == "end" and cases > 0)
            between += name == "between"
            if name == "and" and between:
                between -= 1
            elif name == "and" and not cases:
                made.append(self._span(at, index))
                at = index + 1
        return [*made, self._span(at, end)]

    def cast(self, start: int) -> Span | None:
        """Return the text of ``column::type`` whose column begins at position *start*."""
        index = self._starts[start] + 1
        while self._tokens[index].text == "." and index + 2 < len(self._tokens):
            index += 2
        if self._tokens[index].text != "::" or self._tokens[index + 1].kind is not TokenKind.WORD:
            return None
        last = index + 1
        if last + 1 < len(self._tokens) and self._tokens[last + 1].text == "(":
            last = closing(self._tokens, last + 1)
        return Span(start, self._tokens[last].end)

    def item_span(self, item: tuple[int, int], *, alias: bool = False, ordered: bool = False) -> Span:
        """Return the text of an item, without its *alias*, and without the ASC or DESC of what is *ordered*."""
        start, end = item
        if alias:
            end -= 1
            end -= end > start and self._is_word(end - 1, "as")
        while ordered and end > start and self._tokens[end - 1].name in _OF_ORDER:
            end -= 1
        return self._span(start, end)

    def call(self, start: int) -> tuple[Span, Span, Span | None] | None:
        """Return the whole call that begins at position *start*, its arguments, and its FILTER.

        None where it is no call, or is followed by what a plain aggregate is not.
        """
        name = self._starts.get(start)
        if name is None or name + 1 >= len(self._tokens) or self._tokens[name + 1].text != "(":
            return None
        end = closing(self._tokens, name + 1)
        arguments = self._span(name + 2, end)
        whole, filter_ = end, None
        if self._is_word(end + 1, "filter"):
            whole = closing(self._tokens, end + 2)
            filter_ = self._span(end + 1, whole + 1)
        if self._is_word(whole + 1, "over") or self._is_word(end + 1, "within"):
            return None
        return self._span(name, whole + 1), arguments, filter_

    def arguments(self, span: Span) -> list[Span]:
        """Return what stands between the commas of a part of the text, in no parentheses."""
        start, end = self._places(span)
        return [self._span(*item) for item in self._between_commas(start, end)]

    def ordered(self, span: Span) -> tuple[list[Span], list[tuple[Span, Span]]] | None:
        """Return the arguments in a part of the text, and the terms of the ORDER BY that follows them.

        A term is its expression and all of it, with ASC or DESC. None: no ORDER BY follows.
        """
        start, end = self._places(span)
        by = (at for at in self._outside(start, end) if self._is_word(at, "order") and self._is_word(at + 1, "by"))
        at = next(by, None)
        if at is None:
            return None
        terms = [(self.item_span(item, ordered=True), self._span(*item)) for item in self._between_commas(at + 2, end)]
        return [self._span(*item) for item in self._between_commas(start, at)], terms

    def name_at(self, start: int) -> str:
        """Return the name that begins at position *start*, in lower case."""
        return self._tokens[self._starts[start]].name

    def window(self, start: int) -> Window | None:
        """Return the window of the call that begins at position *start*; None where OVER has no parentheses."""
        opening = closing(self._tokens, self._starts[start] + 1) + 2
        if not self._is_word(opening - 1, "over") or self._tokens[opening].text != "(":
            return None
        closed = closing(self._tokens, opening)
        words = self._words(opening + 1, closed)
        frame = next((words[name] for name in _FRAMES if name in words), None)
        at = self._tokens[frame - 1].end if frame is not None else self._tokens[closed].start
        return Window(
            arguments=self._span(self._starts[start] + 2, closing(self._tokens, self._starts[start] + 1)),
            end=at,
            ordered="order" in words,
            frame="" if frame is None else self._tokens[frame].name,
            excludes="exclude" in words,
        )

    def is_all(self, clause: str) -> bool:
        """Return whether a clause is ALL, with or without what orders."""
        _, start, _ = self._found[clause]
        return self._is_word(start, "all")

    def after_all(self, clause: str, sql: str) -> str:
        """Return what stands after the ALL of a clause."""
        _, start, end = self._found[clause]
        return sql[self._tokens[start].end : self._tokens[end - 1].end]

    @property
    def end(self) -> int:
        """Where ORDER BY ends, or would."""
        if self.has("order"):
            return self.span("order").end
        later = [self.span(clause).start for clause in ("limit", "offset") if self.has(clause)]
        return min(later, default=self._tokens[-1].end)

    def around(self, position: int, names: Collection[str]) -> int | None:
        """Return where the innermost call of a function of these *names* begins that is around a position."""
        depth, index = 0, self._starts[position] - 1
        while index > 0:
            depth -= self._tokens[index].deeper
            if depth < 0:
                depth = 0
                if self._tokens[index - 1].name in names:
                    return self._tokens[index - 1].start
            index -= 1
        return None

    def _clauses(self) -> Iterator[tuple[str, tuple[int, int, int]]]:
        heads = [*self._heads(), ("", len(self._tokens), 0)]
        for (name, start, words), (_, end, _) in pairwise(heads):
            yield name, (start, start + words, end)

    def _heads(self) -> Iterator[tuple[str, int, int]]:
        """Find the first words of clauses: which, at which token, of how many words."""
        for index in self._outside(0, len(self._tokens)):
            token = self._tokens[index]
            if token.kind is not TokenKind.WORD or (index and self._tokens[index - 1].text == "."):
                continue
            if token.name in _SINGLE and not (token.name == "from" and self._is_word(index - 1, "distinct")):
                yield token.name, index, 1 + (token.name == "select" and self._is_word(index + 1, "distinct"))
            elif token.name in _DOUBLE and self._is_word(index + 1, "by"):
                yield token.name, index, 2

    def _places(self, span: Span) -> tuple[int, int]:
        """Return the places of the first token of a part of the text, and of that after its last."""
        inside = [index for index, token in enumerate(self._tokens) if span.start <= token.start < span.end]
        return (inside[0], inside[-1] + 1) if inside else (0, 0)

    def _between_commas(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return what stands between the commas, in no parentheses; nothing of nothing."""
        commas = [index for index in self._outside(start, end) if self._tokens[index].text == ","]
        starts, ends = [start, *(comma + 1 for comma in commas)], [*commas, end]
        return list(zip(starts, ends, strict=True)) if end > start else []

    def _outside(self, start: int, end: int) -> Iterator[int]:
        """Walk the tokens that stand in no parentheses, brackets or braces."""
        depth = 0
        for index in range(start, end):
            text = self._tokens[index].text
            depth -= text in CLOSING
            if depth == 0:
                yield index
            depth += text in OPENING

    def _words(self, start: int, end: int) -> dict[str, int]:
        """Return where each word stands first, in no parentheses."""
        found: dict[str, int] = {}
        for index in self._outside(start, end):
            if self._tokens[index].kind is TokenKind.WORD:
                found.setdefault(self._tokens[index].name, index)
        return found

    def _is_word(self, index: int, word: str) -> bool:
        inside = 0 <= index < len(self._tokens)
        return inside and self._tokens[index].kind is TokenKind.WORD and self._tokens[index].name == word

    def _span(self, start: int, end: int) -> Span:
        tokens: Sequence[Token] = self._tokens[start:end]
        return Span(tokens[0].start, tokens[-1].end) if tokens else Span(0, 0)
