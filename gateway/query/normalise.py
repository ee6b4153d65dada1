"""The canonical text of a query, without comments, spacing and the case of keywords.

The text is made of the author's own tokens, not generated from the syntax tree: two texts share a spelling only if
the engine reads the same tokens, whatever a generator may drop or rename, and a new version of the parser does not
change the keys of stored results. Names keep their case, because result columns are named by it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from gateway.query.functions import reviewed
from gateway.query.keywords import FOLDED
from gateway.query.lexer import Token, TokenKind
from gateway.query.sql import start_of

_NO_SPACE_AFTER = frozenset({"(", "[", ".", "::", "{"})
_NO_SPACE_BEFORE = frozenset({")", "]", ".", "::", "}", ",", ":"})


def normalise(tokens: Sequence[Token], tree: exp.Expr) -> str:
    """Format *tokens* canonically; *tree*, parsed from them, shows which words are names."""
    names = {start_of(name) for name in tree.find_all(exp.Identifier)}
    pieces: list[str] = []
    before = ""
    for number, token in enumerate(tokens):
        following = tokens[number + 1].text if number + 1 < len(tokens) else ""
        text = token.text if token.start in names else _fold(token, before, following)
        called = following == "(" and token.kind is not TokenKind.PUNCTUATION and token.name in reviewed()
        if pieces and before not in _NO_SPACE_AFTER and text not in _NO_SPACE_BEFORE:
            pieces.append(" ")
        pieces.append(text)
        before = "(" if called else token.name  # no space between a function and its bracket
    return "".join(pieces)


def _fold(token: Token, before: str, following: str) -> str:
    """Format a word that is no name for the parser; one that could be a label keeps its case all the same."""
    labelled = before == "." or (before == "as" and following != "(") or following in (":", ":=")
    if token.kind is not TokenKind.WORD or labelled:
        return token.text
    if following == "(" and token.name in reviewed():
        return token.name
    return token.text.upper() if token.name in FOLDED else token.text
