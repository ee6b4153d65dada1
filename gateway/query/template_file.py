"""The files of templates: ``queries/<name>/v<N>.sql``, folders below folders joined by dots."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from gateway.declaration import DeclarationError, utf8_text
from gateway.errors import Diagnostic, Rule, TemplateInvalid
from gateway.query.front_matter import NAME
from gateway.query.template import Template

MAX_BYTES = 1_000_000
"""Size of the largest template."""
_FILE = re.compile(r"v([1-9][0-9]{0,8})\.sql")


def template_files(folder: Path) -> list[Path]:
    """List the template files below *folder* in order, without hidden folders, as git and Kubernetes make them."""
    found = folder.rglob("*.sql")
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def parse_template(content: bytes, *, path: str, name: str, version: int, tables: Collection[str]) -> Template:
    """Read the content of the file *path*, see ``Template.load``. Raises ``TemplateInvalid`` with every error."""
    if len(content) > MAX_BYTES:
        raise TemplateInvalid([Diagnostic(path=path, message=f"is larger than {MAX_BYTES} bytes")])
    try:
        text = utf8_text(content, path)
    except DeclarationError as error:
        raise TemplateInvalid(error.diagnostics) from error
    return Template.load(text, path=path, name=name, version=version, tables=tables)


def identify(path: Path, shown: str) -> tuple[str, int]:
    """Return the name and the version of a query from its *path* below ``queries/``. Raises ``TemplateInvalid``.

    >>> identify(Path("finance/revenue/v2.sql"), "queries/finance/revenue/v2.sql")
    ('finance.revenue', 2)
    """
    match = _FILE.fullmatch(path.name)
    wrong = [segment for segment in path.parts[:-1] if not NAME.fullmatch(segment)]
    message, hint = None, "a template is a file <name>/v<number>.sql, such as delays_by_carrier/v1.sql"
    if match is None:
        message = f"{path.name} is no version: expected v1.sql, v2.sql, …"
    elif len(path.parts) == 1:
        message = "a version stands in the folder of its query"
    elif wrong:
        message = f"the folder {wrong[0]!r} cannot name a query"
        hint = "write a small letter, then small letters, digits and underscores"
    if match is None or message is not None:
        raise TemplateInvalid([Diagnostic(path=shown, message=message or "", hint=hint, rule=Rule.PLACE)])
    return ".".join(path.parts[:-1]), int(match[1])
