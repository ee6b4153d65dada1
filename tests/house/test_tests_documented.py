"""``tests/README.md`` names every folder, every shared fixture and every support of the tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS / "README.md").read_text(encoding="utf-8")


def rows_of(heading: str) -> set[str]:
    """List the names in the first column of the table below a heading."""
    [section] = re.findall(rf"^## {heading}$(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return {name.rstrip("/") for cell in cells for name in re.findall(r"`(.+?)`", cell)}


def test_every_folder_is_named() -> None:
    folders = {path.name for path in TESTS.iterdir() if path.is_dir() and not path.name.startswith(("_", "."))}
    assert rows_of("Kinds") == folders - {"support"}


def test_every_support_is_named() -> None:
    assert rows_of("Supports") == {path.stem for path in (TESTS / "support").glob("*.py")}


def test_every_shared_fixture_is_named() -> None:
    shared = (TESTS / "conftest.py", TESTS / "integration" / "conftest.py")
    assert rows_of("Fixtures") == {name for path in shared for name in fixtures(path)}


def fixtures(path: Path) -> set[str]:
    """Find the names of the fixtures that a file defines, by decorator or by call."""
    text = path.read_text(encoding="utf-8")
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    decorated = {
        each.name for each in functions if any("pytest.fixture" in ast.unparse(mark) for mark in each.decorator_list)
    }
    return decorated | set(re.findall(r'^\w+ = pytest\.fixture\(.*?name="(\w+)"', text, re.MULTILINE))
