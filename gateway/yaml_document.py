"""Parse one YAML document into its values and their places, or say in plain words what is wrong with it and where.

Values are written too, so that what a message names can be copied into a file.
"""

from __future__ import annotations

import re
from calendar import month_name, monthrange
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import yaml

from gateway.odd_characters import OddCharacter, odd_in_document, odd_in_line

_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
_KEY = re.compile(r"\s*(?:- +)?[\w.\"' -]+:(?=\s|$)")
_TIGHT_KEY = re.compile(r"\s*(?:- +)?[\w.-]+:[^\s:/]")
_QUOTES = "write such a text in quotes"
_ONE_COLUMN = "begin the lines of one level in one column"
_CLOSING = {"{": "}", "[": "]"}


class YamlMistake(Exception):
    """A text is no YAML, or none that is accepted: what is wrong, what would be right; the place counts from 0."""

    def __init__(self, message: str, *, line: int = 0, column: int | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.line, self.column, self.hint = message, line, column, hint


def parse(text: str) -> tuple[yaml.Node | None, Any]:
    """Return the nodes of a document, which know their places, and its value; an empty one is an empty mapping.

    Raises ``YamlMistake``.
    """
    try:
        root = _composed(text)
        odd = None if text.isascii() else odd_in_document(root)
        if odd is not None:
            raise _of_character(odd)
        return root, _Loader("").construct_document(root) if root is not None else {}
    except yaml.MarkedYAMLError as error:
        raise _explained(error, text) from error
    except yaml.reader.ReaderError as error:
        raise _unreadable(error, text) from error
    except RecursionError as error:
        raise YamlMistake("nested too deep") from error


def written(value: object) -> str:
    """Write a value on one line, as a document holds it.

    >>> written(None), written(float("nan")), written(1.5), written("NO"), written({"a": [True, "b, c"]})
    ('null', '.nan', '1.5', "'NO'", "{a: [true, 'b, c']}")
    """
    text: str = yaml.dump(
        value, Dumper=_Writer, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")


class _Writer(yaml.SafeDumper):
    """Writes values of every type that a column has; those for which YAML has no type as texts."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def text(self, value: object) -> yaml.ScalarNode:
        written = str(value)
        return self.represent_scalar("tag:yaml.org,2002:str", written, None if written.isprintable() else '"')

    def decimal(self, value: Decimal) -> yaml.ScalarNode:
        written = f"{value:f}"
        return self.represent_scalar(f"tag:yaml.org,2002:{'float' if '.' in written else 'int'}", written)


_Writer.add_representer(str, _Writer.text)
_Writer.add_representer(bytes, _Writer.text)
_Writer.add_multi_representer(object, _Writer.text)
_Writer.add_representer(Decimal, _Writer.decimal)


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a key may stand only once, and anchors and aliases are refused (they can explode)."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # types-PyYAML leaves it bare
        if getattr(event, "anchor", None) is not None:
            sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
            raise _at(event.start_mark, f"a text cannot begin with {sign}", _QUOTES)
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:  # e.g. 2024-02-30, which looks like a date
            raise _at(node.start_mark, _no_value(node.value), "quote it where it is meant as a text") from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _at(key.start_mark, "a key is one word or number")
            if key.value in seen:
                raise _at(key.start_mark, f"the key {key.value!r} stands twice", "remove one, or join what they hold")
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


QUICK: Any = getattr(yaml, "CSafeLoader", None)
"""The library's parser in C, where it was built with it: fourteen times as fast."""
_RARE = frozenset("*&!?%@")
_DEEPEST = 300


def _composed(text: str) -> yaml.Node | None:
    """Parse *text*; by the quick parser where both are known to read it alike (see ``tests/property``)."""
    if QUICK is not None and _is_plain(text):
        try:
            return yaml.compose(text, Loader=QUICK)
        except yaml.YAMLError:
            pass  # the other one says why, in words that are the same everywhere
    return yaml.compose(text, Loader=_Loader)


def _is_plain(text: str) -> bool:
    """Return whether a text has nothing that is rare: no alias, tag, tab or second document, and no deep nesting."""
    return (
        _RARE.isdisjoint(text)
        and "---" not in text
        and "..." not in text
        and text.replace("\n", "").isprintable()
        and sum(map(text.count, ("[", "{", "- "))) < _DEEPEST
    )


def _no_value(text: str) -> str:
    """Say why a text that looks like a date or a number is none.

    >>> _no_value("2023-02-29")
    '2023-02-29 is no date: February 2023 has 28 days'
    """
    date = _DATE.match(text)
    if date is None:
        return f"{text} is no number"
    year, month, day = map(int, date.groups())
    if not (year and 1 <= month <= 12):
        return f"{text} is no date: there is no month {month}" if year else f"{text} is no date: there is no year 0"
    days = monthrange(year, month)[1]
    if 1 <= day <= days:
        return f"{text} is no time of a day"
    return f"{text} is no date: {month_name[month]} {year} has {days} days"


def _unreadable(error: yaml.reader.ReaderError, text: str) -> YamlMistake:
    before = text[: error.position]
    message = f"holds a character that no text has: U+{ord(text[error.position]):04X}"
    column = error.position - before.rfind("\n") - 1
    return YamlMistake(message, line=before.count("\n"), column=column, hint="remove it, or write it as an escape")


def _explained(error: yaml.MarkedYAMLError, text: str) -> YamlMistake:
    """Translate an error of the library; where it names two places, to the one at which something is to be done."""
    mark, start = error.problem_mark or error.context_mark, error.context_mark
    problem, context = error.problem or "", error.context or ""
    assert mark is not None, "every error that has marks has one of both"
    lines = re.split(r"\r\n|[\r\n\x85\u2028\u2029]", text)
    found = _tab(mark, lines) or _odd(mark, start or mark, lines)
    for explain in _EXPLANATIONS if found is None else ():
        found = found or explain(problem, context, mark, start or mark, lines)
    return found or YamlMistake(
        f"not valid YAML: {problem or context}",
        line=mark.line,
        column=mark.column,
        hint="quote a text that holds ': ', '#' or a leading special character",
    )


def _at(mark: yaml.Mark, message: str, hint: str | None = None) -> YamlMistake:
    return YamlMistake(message, line=mark.line, column=mark.column, hint=hint)


def _tab(mark: yaml.Mark, lines: list[str]) -> YamlMistake | None:
    """Find a tab where the text cannot be read, or in the indentation before that place."""
    line = lines[mark.line] if mark.line < len(lines) else ""
    blank = line[: len(line) - len(line.lstrip())]
    column = mark.column if line[mark.column : mark.column + 1] == "\t" else blank.find("\t")
    if column < 0:
        return None
    return YamlMistake(
        "a tab stands here, and YAML takes spaces only",
        line=mark.line,
        column=column,
        hint="write two spaces for each level; most editors convert tabs",
    )


def _odd(mark: yaml.Mark, start: yaml.Mark, lines: list[str]) -> YamlMistake | None:
    """Find a typographic quote or an unusual space where the text cannot be read, or above that."""
    for number in dict.fromkeys([start.line, mark.line, mark.line - 1]):
        line = lines[number] if 0 <= number < len(lines) else ""
        odd = None if line.isascii() else odd_in_line(line, number)
        if odd is not None:
            return _of_character(odd)
    return None


def _of_character(odd: OddCharacter) -> YamlMistake:
    return YamlMistake(odd.message, line=odd.line, column=odd.column, hint=odd.hint)


def _unclosed(problem: str, context: str, mark: yaml.Mark, start: yaml.Mark, lines: list[str]) -> YamlMistake | None:
    """Explain what is opened and not closed: at its opening, where it goes on over its line."""
    if "quoted scalar" in context and ("end of stream" in problem or "document separator" in problem):
        return _at(start, "the quote that opens here is not closed", "close it, or double a quote within a text")
    if "stream end" in problem and "flow node" in context:
        start = _last_opening("\n".join(lines)) or start
    sign = _character(start, lines)
    if "flow" in context and sign in _CLOSING:
        if _CLOSING[sign] in lines[mark.line][mark.column :]:
            return _at(mark, f"a comma or a {_CLOSING[sign]} is missing before this", f"or {_QUOTES}, if it is one")
        return _at(start, f"the {sign} that opens here is not closed", f"close it with {_CLOSING[sign]}")
    if _character(mark, lines) in _CLOSING.values():
        return _at(mark, f"nothing is open that this {_character(mark, lines)} closes", "remove it")
    return None


def _last_opening(text: str) -> yaml.Mark | None:
    """Return where the last bracket opens that is not closed."""
    opened = []
    try:
        for token in yaml.scan(text):
            if isinstance(token, (yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken)):
                opened.append(token.start_mark)
            elif isinstance(token, (yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)) and opened:
                opened.pop()
    except yaml.YAMLError:
        pass  # what was opened before is known
    return opened[-1] if opened else None


def _character(mark: yaml.Mark, lines: list[str]) -> str:
    return lines[mark.line][mark.column : mark.column + 1] if mark.line < len(lines) else ""


def _colon(problem: str, context: str, mark: yaml.Mark, start: yaml.Mark, lines: list[str]) -> YamlMistake | None:
    """Explain a colon that is missing, too much, or without its space."""
    if problem.startswith("could not find expected ':'"):
        if _TIGHT_KEY.match(lines[start.line]):
            return _at(start, "a space is missing after the colon", "write key: value")
        return _at(start, "a colon is missing: this is no key with a value", "write key: value")
    if problem.startswith("mapping values are not allowed"):
        before = lines[mark.line][: mark.column]
        if _KEY.match(before) or "{" in before:
            return _at(mark, "a second colon in one line: the text cannot be told from a key", _QUOTES)
        if mark.line > 0 and _TIGHT_KEY.match(lines[mark.line - 1]):
            above = lines[mark.line - 1]
            column = len(above) - len(above.lstrip())
            return YamlMistake(
                "a space is missing after the colon", line=mark.line - 1, column=column, hint="write key: value"
            )
        column = len(before) - len(before.lstrip())
        return YamlMistake("a key cannot stand here", line=mark.line, column=column, hint=_ONE_COLUMN)
    return None


def _indented(problem: str, context: str, mark: yaml.Mark, start: yaml.Mark, lines: list[str]) -> YamlMistake | None:
    """Explain a line that begins in another column than its neighbours, and what follows a complete value."""
    if problem.startswith("sequence entries are not allowed"):
        return _at(mark, "a list cannot begin here", "begin it on a line of its own, or write [a, b]")
    if not (problem.startswith(("expected <block end>", "expected '<document start>'"))):
        return None
    if lines[mark.line][: mark.column].strip():
        return _at(
            mark, "something follows a complete value", "put all of it in quotes; a quote within them is doubled"
        )
    return _at(
        mark, "this line is indented otherwise than its neighbours", "begin the lines of one level in one column"
    )


def _special(problem: str, context: str, mark: yaml.Mark, start: yaml.Mark, lines: list[str]) -> YamlMistake | None:
    """Explain characters that YAML takes for its own."""
    if "block scalar" in context:
        return _at(start, "a text that begins with > or | goes on in the next lines", _QUOTES)
    if "escape" in problem:
        return _at(mark, "a backslash in double quotes begins an escape", "use single quotes, or double the backslash")
    if "cannot start any token" in problem:
        return _at(mark, f"a text cannot begin with {_character(mark, lines)}", _QUOTES)
    if any(word in context for word in ("an alias", "an anchor", "a tag", "a directive")) or "tag" in problem:
        return _at(start, f"a text cannot begin with {_character(start, lines)}", _QUOTES)
    if "another document" in problem or "expected a single document" in context:
        return _at(mark, "a second document begins here", "a file holds one: remove the ---")
    if problem.startswith("expected the node content"):
        return _at(mark, "a value is missing here", 'write one; an empty text is ""')
    return None


_EXPLANATIONS: tuple[Callable[[str, str, yaml.Mark, yaml.Mark, list[str]], YamlMistake | None], ...] = (
    _unclosed,
    _colon,
    _indented,
    _special,
)
