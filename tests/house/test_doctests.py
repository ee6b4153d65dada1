"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest
import query_gateway_client

import gateway

PACKAGES = (gateway, query_gateway_client)
TORCH = "query_gateway_client.torch_rows"  # imports what is not among the packages of the tests
FOUND = [info.name for each in PACKAGES for info in pkgutil.walk_packages(each.__path__, f"{each.__name__}.")]
MODULES = [name for name in FOUND if name != TORCH]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = [test for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]
    assert len(examples) > 20
