"""Split SQL text into tokens exactly as DuckDB does, refusing text that two readers could take differently.

The check of a template does not rest on the parser of another project agreeing with the engine's: what is called and
what is quoted is decided here, and ``gateway.query.sql`` refuses a text that the parser splits differently.
Source: DuckDB's ``scan.l`` (PostgreSQL's lexical structure, section 4.1 of its manual).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.errors import Rule


class TokenKind(StrEnum):
    WORD = "word"
    QUOTED = "quoted"
    STRING = "string"
    NUMBER = "number"
    PARAMETER = "parameter"
    OPERATOR = "operator"
    PUNCTUATION = "punctuation"


OPENING, CLOSING = frozenset("([{"), frozenset(")]}")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text from ``start`` to ``end`` (left out). ``name`` is what an identifier is compared by."""

    kind: TokenKind
    text: str
    start: int
    end: int

    @property
    def name(self) -> str:
        """Return the word in lower case, the quoted identifier without quotes likewise, else the text itself."""
        if self.kind is TokenKind.QUOTED:
            return self.text[1:-1].replace('""', '"').lower()
        return self.text.lower() if self.kind is TokenKind.WORD else self.text

    @property
    def deeper(self) -> int:
        """By how many brackets what follows is deeper than what stands before: 1, -1 or 0."""
        return (self.text in OPENING) - (self.text in CLOSING)


class SqlError(Exception):
    """An error in SQL text at ``offset``, in characters."""

    def __init__(self, offset: int, message: str, hint: str | None = None, rule: Rule = Rule.SYNTAX) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message
        self.hint = hint
        self.rule = rule


_BLANK = re.compile(r"[ \t\r\n]+|--[^\r\n]*")
_TOKEN = re.compile(
    r"""
      (?P<string>'(?:[^']|'')*'|[eE]'(?:[^'\\]|\\.|'')*')
    | (?P<quoted>"(?:[^"]|"")+")
    | (?P<number>(?:[0-9](?:_?[0-9])*(?:\.(?:[0-9](?:_?[0-9])*)?)?|\.[0-9](?:_?[0-9])*)(?:[eE][+-]?[0-9]+)?)
    | (?P<parameter>\$[A-Za-z_][A-Za-z0-9_]*)
    | (?P<word>[^\W\d]\w*)
    | (?P<punctuation>::|:=|[()\[\]{},;.:])
    | (?P<operator>[-~!@#^&|+*/%<>=]+)
    """,
    re.VERBOSE | re.DOTALL,
)
_KINDS = {kind.value: kind for kind in TokenKind}
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_UNICODE_STRING = re.compile(r"""[uU]&['"]""")
_AMBIGUOUS_PREFIX = frozenset({"b", "n", "u", "x"})
_LONGEST_OPERATOR = 16
_UNICODE_SPACE = "an invisible or unusual space"


def arguments(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """Return where the arguments of a call stand, the first of whose *tokens* is its bracket; of ``()`` one of nothing.

    >>> [list(arguments(list(lex(text)))) for text in ("(a, f(b, c))", "()")]
    [[(1, 2), (3, 11)], [(1, 1)]]
    """
    depth, cuts = 0, [tokens[0].end]
    for token in tokens:
        depth += token.deeper
        if depth == 0 or (depth == 1 and token.text == ","):
            cuts += [token.start, token.end]
        if depth == 0:
            break
    return list(zip(cuts[::2], cuts[1::2], strict=False))


def lex(sql: str) -> list[Token]:
    """Split *sql* into tokens, without comments. Raises ``SqlError`` at the first character that has no place."""
    return list(_tokens(sql))


def end_of_comment(text: str, start: int) -> int | None:
    """Return the place after the block comment that starts at *start*; comments nest. None: it never ends."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return None


def _tokens(sql: str) -> Iterator[Token]:
    position, last = 0, None
    while True:
        position = _skip_blank(sql, position)
        if position == len(sql):
            return
        token = _next(sql, position)
        _check_glued(last, token)
        yield token
        position, last = token.end, token


def _skip_blank(sql: str, position: int) -> int:
    while True:
        if blank := _BLANK.match(sql, position):
            position = blank.end()
        elif sql.startswith("/*", position):
            end = end_of_comment(sql, position)
            if end is None:
                raise SqlError(position, "this comment never ends", "comments nest: each /* needs its own */")
            position = end
        else:
            return position


def _next(sql: str, position: int) -> Token:
    if sql[position] in "uU" and _UNICODE_STRING.match(sql, position):
        raise SqlError(position, "strings with the prefix U& are not supported", "write the characters themselves")
    match = _TOKEN.match(sql, position)
    if match is None:
        raise _no_token(sql, position)
    kind = _KINDS[match.lastgroup or ""]
    if kind is TokenKind.OPERATOR and len(match[0].partition("--")[0]) > _LONGEST_OPERATOR:
        raise SqlError(position, f"{match[0][:_LONGEST_OPERATOR]}… is no operator")
    text = match[0] if kind is not TokenKind.OPERATOR else _operator(match[0])
    return Token(kind, text, position, position + len(text))


def _operator(run: str) -> str:
    """Cut a run of operator characters where DuckDB does: before a comment, and before a sign of its own."""
    for comment in ("--", "/*"):
        run = run.partition(comment)[0]
    while len(run) > 1 and run[-1] in "+-" and not set(run) & set("~!@#^&|%"):
        run = run[:-1]
    return run


def _check_glued(last: Token | None, token: Token) -> None:
    """Refuse two tokens without a space between them that other readers take for one, or for others."""
    if last is None or last.end != token.start:
        return
    if token.kind is TokenKind.STRING and last.kind is TokenKind.WORD and last.name in _AMBIGUOUS_PREFIX:
        message = f"the prefix {last.text} of a string is not supported"
        raise SqlError(last.start, message, _without_prefix(last.name, token.text))
    wordlike = {TokenKind.WORD, TokenKind.NUMBER, TokenKind.PARAMETER}
    quotes = {TokenKind.STRING, TokenKind.QUOTED}
    if (last.kind in wordlike and token.kind in wordlike | quotes) or (last.kind in quotes and token.kind in wordlike):
        message = f"{token.text[:20]} follows {last.text[:20]} without a space"
        raise SqlError(token.start, message, _apart(last, token))
    if last.kind in quotes and last.kind is token.kind:
        raise SqlError(token.start, "two quoted texts stand side by side", "write || between strings")


_BASES = re.compile(r"0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+")


def _without_prefix(prefix: str, text: str) -> str:
    """Say how bytes, bits and other strings with a prefix are written."""
    inner = text[1:-1]
    if prefix == "x" and re.fullmatch(r"(?:[0-9a-fA-F]{2}){1,32}", inner):
        return "write '" + re.sub("..", lambda pair: "\\x" + pair[0], inner) + "'::BLOB"
    return f"write {text}::BIT" if prefix == "b" and re.fullmatch("[01]{1,64}", inner) else "write the string alone"


def _apart(last: Token, token: Token) -> str:
    """Say what to write for two tokens that people take for one: a number of another base, a dollar-quoted string."""
    written = last.text + token.text
    if len(written) <= 34 and _BASES.fullmatch(written):
        return f"write {int(written, 0)}"
    if last.kind is token.kind is TokenKind.PARAMETER:
        return "write a string in single quotes, and a space between parameters"
    return "write a space"


_OTHER_QUOTES = frozenset("`´‘’‚“”„«»‹›′″")
"""Quotes of other dialects, and those that word processors make."""


def _no_token(sql: str, position: int) -> SqlError:
    character = sql[position]
    if character in "'\"":
        what = "string" if character == "'" else "quoted name"
        return SqlError(position, f"this {what} never ends, or is empty", f"close it with {character}")
    if character == "?" or re.match(r"\$[0-9]", sql[position : position + 2]):
        return SqlError(position, "parameters have names here", "declare the parameter and write $name")
    if character == "$":
        return SqlError(
            position, "this $ starts no parameter name", "write a string in single quotes, a parameter as $name"
        )
    if character.isspace() or not character.isprintable():
        return SqlError(position, f"{_UNICODE_SPACE} (U+{ord(character):04X}) stands here", "write a plain space")
    hint = "write 'DE' for a text and \"order date\" for a name" if character in _OTHER_QUOTES else None
    return SqlError(position, f"the character {character!r} (U+{ord(character):04X}) has no place in SQL", hint)
