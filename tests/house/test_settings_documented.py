"""``docs/settings.md`` is what the settings models say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from settings_page import INTRODUCTION, readable, settings_page

from gateway.config import FILE_NAME, load_settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_what_make_settings_writes() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_page(), "write it anew: make settings"


def test_the_example_of_the_page_is_accepted(tmp_path: Path) -> None:
    [example] = re.findall(r"```toml\n(.*?)```", INTRODUCTION, re.DOTALL)
    assert "port" in tomllib.loads(example)["server"]
    (tmp_path / FILE_NAME).write_text(example, encoding="utf-8")
    assert load_settings(tmp_path, {}).server.port == 9000


@pytest.mark.parametrize(
    ("default", "written"),
    [("67108864", "64MiB"), ("10737418240", "10GiB"), ("30.0", "30s"), ("True", "true"), ("0.5", "0.5"), ("64", "64")],
)
def test_a_default_is_written_as_it_is_in_the_file(default: str, written: str) -> None:
    assert readable(default) == written
