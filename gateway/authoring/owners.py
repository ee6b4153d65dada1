"""Check owners of queries against ``catalog/owners.yaml``, if there is one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from gateway.declaration import DeclarationError, Declared
from gateway.errors import Diagnostic, Rule
from gateway.project.loader import read_text
from gateway.query.front_matter import declared_front_matter
from gateway.query.template import Template
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


def check_ownership(templates: Iterable[Template], project: Path) -> Iterator[Diagnostic]:
    """Find the queries whose owner nobody has declared, where owners are declared at all."""
    try:
        owners = load_owners(project)
    except DeclarationError as error:
        yield from (replace(item, rule=Rule.OWNER) for item in error.diagnostics)
        return
    if owners is None:
        return
    for template in templates:
        if template.front.owner not in owners.owners:
            declared = declared_front_matter((project / template.path).read_text(encoding="utf-8-sig"), template.path)
            known = f"declared in {FILE.as_posix()}: {', '.join(owners.owners)}"
            if template.front.owner is None:
                yield declared.diagnostic((), "the query has no owner", known, rule=Rule.OWNER)
            else:
                hint = did_you_mean(template.front.owner, owners.owners) or known
                message = f"nobody is declared as {template.front.owner!r}"
                yield declared.diagnostic(("owner",), message, hint, rule=Rule.OWNER)
