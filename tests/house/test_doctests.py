"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest
import query_gateway_client

import gateway

PACKAGES = (gateway, query_gateway_client)
TORCH = "query_gateway_client.torch_rows"  # imports what is not among the packages of the tests
FOUND = [info.name for each in PACKAGES for info in pkgutil.walk_packages(each.__path__, f"{each.__name__}.")]
MODULES = [name for name in FOUND if name != TORCH]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name: str) -> None:
    module = importlib.import_module(name)
    if may_have_examples(name):  # finding that there are none takes longer than running those of most modules
        assert doctest.testmod(module).failed == 0


def may_have_examples(name: str) -> bool:
    source = importlib.import_module(name).__file__
    return source is not None and ">>>" in Path(source).read_text(encoding="utf-8")


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = [importlib.import_module(name) for name in MODULES if may_have_examples(name)]
    assert len([test for module in modules for test in finder.find(module) if test.examples]) > 20
