"""The README tells what is so: its commands and its code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gateway.cli import main


@pytest.fixture(scope="module")
def root(request: pytest.FixtureRequest) -> Path:
    return request.config.rootpath


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def test_every_gateway_command_is_one_that_there_is(readme: str) -> None:
    commands = re.findall(r"^gateway (\S+)(.*)$", "\n".join(code_blocks(readme, "sh")), re.MULTILINE)
    assert commands
    for name, rest in commands:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        known = {
            option for parameter in command.params for option in parameter.opts if isinstance(parameter, click.Option)
        }
        assert set(re.findall(r"--[a-z-]+", rest.split("#")[0])) <= known, name


def test_every_make_target_is_one_that_there_is(readme: str, root: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", readme, re.MULTILINE))
    assert {"demo", "test", "check", "fuzz", "bench", "help"} <= named <= targets


def test_every_python_block_compiles(readme: str) -> None:
    for block in code_blocks(readme, "python"):
        compile(block, "README.md", "exec")


def code_blocks(text: str, language: str) -> Iterator[str]:
    for found in re.finditer(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield found[1]
