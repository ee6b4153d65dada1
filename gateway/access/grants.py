"""Grants: the declaration ``access.yaml``, and the rights of a principal that follow from it.

Whatever is not granted is denied. A grant on a query is enough to run it, whatever tables it reads, because templates
are reviewed. A grant on a table is for the table's own endpoints.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Annotated, Literal, Self

from cachetools import LRUCache
from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from gateway.access.base import ANONYMOUS, ON_QUERIES, ON_TABLES, QUERY, TABLE
from gateway.access.rates import RateSetting
from gateway.access.reloading_file import FileUnreadable
from gateway.declaration import DeclarationError, Declared
from gateway.errors import Diagnostic
from gateway.model import Principal
from gateway.suggestions import did_you_mean

EVERYBODY, AUTHENTICATED, GROUP = "*", "authenticated", "group:"
_PATTERN = re.compile(r"[a-z0-9_.*]+")
_KEPT = 10_000
"""Principals whose rights are remembered."""


def _pattern(text: str) -> str:
    if not _PATTERN.fullmatch(text):
        raise ValueError(f"{text!r} names nothing: write a name, or a pattern such as finance.* or *")
    return text


def _recipient(text: str) -> str:
    if text.removeprefix(GROUP).strip() != text.removeprefix(GROUP) or text in ("", GROUP):
        raise ValueError(f"{text!r} names nobody: write a name, group:<name>, {AUTHENTICATED}, or '*' for everybody")
    return text


def _somebody(recipients: tuple[str, ...]) -> tuple[str, ...]:
    if not recipients:
        raise ValueError("names nobody")
    return recipients


Pattern = Annotated[str, AfterValidator(_pattern)]
Recipients = Annotated[tuple[Annotated[str, AfterValidator(_recipient)], ...], AfterValidator(_somebody)]


Action = Literal["refresh", "build", "tag", "cancel", "read", "export", "cache", "reload", "metrics", "stop"]


class _GrantEntry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    to: Recipients

    def is_for(self, principal: Principal) -> bool:
        """Tell whether *principal* is among those it is for."""
        if EVERYBODY in self.to or any(f"{GROUP}{group}" in self.to for group in principal.groups):
            return True
        if principal == ANONYMOUS:
            return False
        # A name that is written like a group is nobody's, so that no token claims a group by its subject.
        return AUTHENTICATED in self.to or (principal.name in self.to and not principal.name.startswith(GROUP))


class Grant(_GrantEntry):
    """A grant. Actions apply to the tables or the queries of the same grant, or to the whole gateway."""

    queries: tuple[Pattern, ...] = ()
    tables: tuple[Pattern, ...] = ()
    actions: tuple[Action, ...] = ()

    @model_validator(mode="after")
    def _grants_something(self) -> Self:
        if not (self.queries or self.tables or self.actions):
            raise ValueError("grants nothing: add queries, tables or actions")
        for named, names, of in ((ON_TABLES, self.tables, "tables"), (ON_QUERIES, self.queries, "queries")):
            for action in self.actions:
                if action in named and not names:
                    raise ValueError(f"{action} needs {of} in the same grant: name those that it is for, or '*'")
        return self


class Limit(_GrantEntry):
    """Rate limits that replace those of the settings; the first entry that matches a principal applies."""

    requests: RateSetting = None
    bytes: RateSetting = None

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.requests is None and self.bytes is None:
            raise ValueError("limits nothing: add requests or bytes")
        return self


class Declaration(BaseModel):
    """The content of ``access.yaml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    grants: tuple[Grant, ...] = ()
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """A set of names, given by patterns."""

    exact: frozenset[str]
    pattern: re.Pattern[str] | None

    @classmethod
    def of(cls, patterns: Iterable[str]) -> Names:
        """Compile *patterns*; ``*`` matches any characters, dots included."""
        every = set(patterns)
        wild = sorted(each for each in every if "*" in each)
        spelled = "|".join(".*".join(map(re.escape, each.split("*"))) for each in wild)
        return cls(frozenset(every.difference(wild)), re.compile(spelled, re.DOTALL) if wild else None)

    def __contains__(self, name: str) -> bool:
        return name in self.exact or (self.pattern is not None and self.pattern.fullmatch(name) is not None)


class Grants:
    """The grants of one version of the declaration. Thread-safe."""

    def __init__(self, declaration: Declaration) -> None:
        self._declaration = declaration
        self._lock = Lock()
        self._rights: LRUCache[Principal, tuple[dict[str, Names], frozenset[str]]] = LRUCache(_KEPT)
        self._limits: LRUCache[Principal, Limit | None] = LRUCache(_KEPT)

    def may(self, principal: Principal, action: str, name: str) -> bool:
        """Tell whether *principal* may do *action* on *name*."""
        named, actions = self._rights_of(principal)
        return name in named[action] if action in named else action in actions

    def limit(self, principal: Principal) -> Limit | None:
        """Return the declared limits of *principal*, None where there are none."""
        with self._lock:
            if principal not in self._limits:
                found = (entry for entry in self._declaration.limits if entry.is_for(principal))
                self._limits[principal] = next(found, None)
            return self._limits[principal]

    def _rights_of(self, principal: Principal) -> tuple[dict[str, Names], frozenset[str]]:
        with self._lock:
            rights = self._rights.get(principal)
        if rights is None:
            rights = _rights(self._declaration, principal)
            with self._lock:
                self._rights[principal] = rights
        return rights


NOTHING = Grants(Declaration())
"""Before the declaration was ever right, nobody may do anything."""


def read_grants(text: str, *, path: str) -> Grants:
    """Read the declaration for the server. Raises ``FileUnreadable`` with all errors in it."""
    try:
        return Grants(_declared(text, path)[1])
    except DeclarationError as error:
        raise FileUnreadable(str(error)) from error


def check_grants(text: str, *, path: str, queries: Collection[str], tables: Collection[str]) -> tuple[Diagnostic, ...]:
    """Find every error in the declaration, unknown *queries* and *tables* included."""
    try:
        declared, declaration = _declared(text, path)
    except DeclarationError as error:
        return error.diagnostics
    return tuple(_lost(declared, declaration, queries, tables))


def _declared(text: str, path: str) -> tuple[Declared, Declaration]:
    declared = Declared(text, path)
    return declared, declared.validate(Declaration)


def _lost(
    declared: Declared, declaration: Declaration, queries: Collection[str], tables: Collection[str]
) -> Iterator[Diagnostic]:
    for place, grant in enumerate(declaration.grants):
        for key, granted, known in (("queries", grant.queries, queries), ("tables", grant.tables, tables)):
            for index, name in enumerate(granted):
                if "*" not in name and name not in known:
                    message = f"there is no {'query' if key == 'queries' else 'table'} {name!r}"
                    yield declared.diagnostic(("grants", place, key, index), message, did_you_mean(name, known))


def _rights(declaration: Declaration, principal: Principal) -> tuple[dict[str, Names], frozenset[str]]:
    """Combine all grants of a principal: names by action, and the actions without names."""
    grants = [grant for grant in declaration.grants if grant.is_for(principal)]
    named = {
        QUERY: Names.of(pattern for grant in grants for pattern in grant.queries),
        TABLE: Names.of(pattern for grant in grants for pattern in grant.tables),
    }
    for action in (*ON_TABLES, *ON_QUERIES):
        having = [grant for grant in grants if action in grant.actions]
        of = [grant.tables if action in ON_TABLES else grant.queries for grant in having]
        named[action] = Names.of(pattern for patterns in of for pattern in patterns)
    return named, frozenset(action for grant in grants for action in grant.actions).difference(named)
