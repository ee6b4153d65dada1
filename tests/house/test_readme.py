"""The README tells what is so: its settings, its commands, its links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gateway.cli import main
from gateway.config import settings_table

MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def root(request: pytest.FixtureRequest) -> Path:
    return request.config.rootpath


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def test_every_setting_is_documented_with_its_default(readme: str) -> None:
    written = re.search(r"<!-- settings -->\n(.*?)<!-- end -->", readme, re.DOTALL)
    assert written is not None
    assert written[1] == settings_markdown()


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


def test_every_link_leads_to_a_file(readme: str, root: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", readme)
    assert [link for link in links if not (root / link).exists()] == []


def test_every_python_block_compiles(readme: str) -> None:
    for block in code_blocks(readme, "python"):
        compile(block, "README.md", "exec")


def code_blocks(text: str, language: str) -> Iterator[str]:
    for found in re.finditer(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield found[1]


def settings_markdown() -> str:
    """Write the table of the settings as the README must hold it."""
    lines = ["| setting | environment | default | |", "| --- | --- | --- | --- |"]
    lines += [
        f"| `{name}` | `{variable}` | {readable(default)} | {description} |"
        for name, variable, default, description in settings_table()
    ]
    return "\n".join(lines) + "\n"


def readable(default: str) -> str:
    """Write a default as one writes it in the file: sizes in MiB or GiB, durations in seconds."""
    if default.isdecimal() and int(default) % MEBIBYTE == 0 and int(default) > 0:
        mebibytes = int(default) // MEBIBYTE
        return f"{mebibytes // 1024}GiB" if mebibytes % 1024 == 0 else f"{mebibytes}MiB"
    return f"{int(float(default))}s" if re.fullmatch(r"\d+\.0", default) else default
