"""Where errors are declared: in the tree of ``gateway/errors.py``, or caught inside the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from gateway.errors import GatewayError

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "gateway").rglob("*.py"))


def exceptions_of(path: Path, tree: ast.Module) -> Iterator[type[BaseException]]:
    """Yield the exceptions that a module declares outside the tree of ``gateway/errors.py``."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.bases:
            found = getattr(import_module(name), node.name)
            if isinstance(found, type) and issubclass(found, Exception) and not issubclass(found, GatewayError):
                yield found


TREES = {path: ast.parse(path.read_text()) for path in MODULES}
OUTSIDE = [error for path, tree in TREES.items() for error in exceptions_of(path, tree)]
HANDLERS = [
    handler.type
    for tree in TREES.values()
    for handler in ast.walk(tree)
    if isinstance(handler, ast.ExceptHandler) and handler.type is not None
]
CAUGHT = {name.id for handler in HANDLERS for name in ast.walk(handler) if isinstance(name, ast.Name)}


@pytest.mark.parametrize("error", OUTSIDE, ids=lambda error: error.__name__)
def test_an_exception_outside_the_tree_is_caught_by_name_inside_the_package(error: type[Exception]) -> None:
    own = {base.__name__ for base in error.__mro__ if base.__module__.startswith("gateway")}
    assert own & CAUGHT, f"{error.__name__} would reach a caller as a bug: derive it from GatewayError, or catch it"
