"""Files, classes and functions that the documentation names are there.

A page names a file as ``gateway/pipeline.py`` and what is in it as ``gateway/pipeline.py:Gateway.answer``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT)
    for pattern in (
        "CONTRIBUTING.md",
        "SECURITY.md",
        "README.md",
        "docs/**/*.md",
        "tests/README.md",
        "queries/README.md",
    )
    for path in ROOT.glob(pattern)
)
NAMED = re.compile(r"`((?:gateway|tests|docs|deploy)/[\w./*-]*)(?::([\w.]+))?`")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_what_a_page_names_is_there(page: Path) -> None:
    named = NAMED.findall((ROOT / page).read_text(encoding="utf-8"))
    assert [f"{path}:{name}" for path, name in named if not is_there(path, name)] == []


def is_there(path: str, name: str) -> bool:
    if not name:
        return any(ROOT.glob(path)) if "*" in path else (ROOT / path).exists()
    file = ROOT / path
    return file.is_file() and name in set(names_in(ast.parse(file.read_text(encoding="utf-8")).body))


def names_in(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    """List the classes, functions and values of a module, and those inside its classes."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield f"{prefix}{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from names_in(node.body, f"{prefix}{node.name}.")
        if isinstance(node, ast.Assign):
            yield from (f"{prefix}{target.id}" for target in node.targets if isinstance(target, ast.Name))
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield f"{prefix}{node.target.id}"


def test_a_name_that_is_gone_is_noticed() -> None:
    assert is_there("gateway/pipeline.py", "Gateway.answer")
    assert not is_there("gateway/pipeline.py", "Gateway.no_such_method")
    assert not is_there("gateway/no_such_file.py", "")
