"""Where errors are declared: in the tree of ``gateway/errors.py``, or caught inside the package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from gateway.errors import GatewayError

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "gateway" / "client"  # a distribution of its own, with a tree of its own
MODULES = sorted(path for path in (ROOT / "gateway").rglob("*.py") if not path.is_relative_to(CLIENT))


def exceptions_of(path: Path) -> Iterator[type[BaseException]]:
    """Yield the exceptions that a module declares outside the tree of ``gateway/errors.py``."""
    if re.search(r"^class \w+\(", path.read_text(), re.MULTILINE) is None:
        return
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for found in vars(import_module(name)).values():
        own = isinstance(found, type) and found.__module__ == name
        if own and issubclass(found, Exception) and not issubclass(found, GatewayError):
            yield found


OUTSIDE = [error for path in MODULES for error in exceptions_of(path)]


@cache
def caught() -> set[str]:
    """Return the names of the exceptions that a module of the package catches."""
    handlers = [
        handler.type
        for path in MODULES
        for handler in ast.walk(ast.parse(path.read_text()))
        if isinstance(handler, ast.ExceptHandler) and handler.type is not None
    ]
    return {name.id for handler in handlers for name in ast.walk(handler) if isinstance(name, ast.Name)}


@pytest.mark.parametrize("error", OUTSIDE, ids=lambda error: error.__name__)
def test_an_exception_outside_the_tree_is_caught_by_name_inside_the_package(error: type[Exception]) -> None:
    own = {base.__name__ for base in error.__mro__ if base.__module__.startswith("gateway")}
    assert own & caught(), f"{error.__name__} would reach a caller as a bug: derive it from GatewayError, or catch it"
