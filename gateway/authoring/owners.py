"""Check owners of queries and tables against ``catalog/owners.yaml``, if there is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from gateway.declaration import DeclarationError, Declared
from gateway.errors import Diagnostic, Rule
from gateway.project.loader import Project, read_text
from gateway.query.front_matter import declared_front_matter
from gateway.suggestions import did_you_mean

FILE = Path("catalog") / "owners.yaml"


class Owner(BaseModel):
    """How one owner is reached; all of it is for people."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = ""
    contact: str = ""


class Owners(BaseModel):
    """The owners of a project by the word that front matter names them with."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    owners: dict[str, Owner]


def load_owners(project: Path) -> Owners | None:
    """Read the owners of a project; None: it declares none. Raises ``DeclarationError``."""
    path = project / FILE
    if not path.exists():
        return None
    return Declared(read_text(path, FILE.as_posix()), FILE.as_posix()).validate(Owners)


def check_ownership(project: Project, folder: Path) -> Iterator[Diagnostic]:
    """Find queries without a declared owner, and tables whose owner nobody has declared, where owners are declared."""
    try:
        owners = load_owners(folder)
    except DeclarationError as error:
        yield from (replace(item, rule=Rule.OWNER) for item in error.diagnostics)
        return
    if owners is None:
        return
    for template in project.parsed:
        if template.front.owner not in owners.owners:
            declared = declared_front_matter(read_text(folder / template.path, template.path), template.path)
            yield _undeclared(declared, template.front.owner, owners)
    for name, table in project.tables.items():
        if table.owner is not None and table.owner not in owners.owners:
            path = project.sources[name]
            yield _undeclared(Declared(read_text(folder / path, path), path), table.owner, owners)


def _undeclared(declared: Declared, owner: str | None, owners: Owners) -> Diagnostic:
    known = f"declared in {FILE.as_posix()}: {', '.join(owners.owners)}"
    if owner is None:
        return declared.diagnostic((), "the query has no owner", known, rule=Rule.OWNER)
    hint = did_you_mean(owner, owners.owners) or known
    return declared.diagnostic(("owner",), f"nobody is declared as {owner!r}", hint, rule=Rule.OWNER)
