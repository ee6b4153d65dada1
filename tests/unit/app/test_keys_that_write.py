"""The keys of what writes data are the builder's, where it has its own, and never those of a server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.config import load_settings
from gateway.errors import SettingsInvalid

READING = {"GATEWAY_STORAGE_ACCESS_KEY_ID": "reads", "GATEWAY_STORAGE_SECRET_ACCESS_KEY": "r"}
WRITING = {"GATEWAY_BUILDER_ACCESS_KEY_ID": "writes", "GATEWAY_BUILDER_SECRET_ACCESS_KEY": "hush"}
PROFILE = {"GATEWAY_BUILDER_PROFILE": "writer"}


def keys(environment: Mapping[str, str], project: Path) -> tuple[Any, ...]:
    settings = load_settings(project, environment)
    return tuple(
        (None if each.access_key_id is None else each.access_key_id.get_secret_value(), each.profile)
        for each in (settings.storage, settings.writing)
    )


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ((None, None), (None, None))),
        (READING, (("reads", None), ("reads", None))),
        (WRITING, ((None, None), ("writes", None))),
        (READING | WRITING, (("reads", None), ("writes", None))),
        (READING | PROFILE, (("reads", None), (None, "writer"))),
        ({"GATEWAY_STORAGE_PROFILE": "reader"} | WRITING, ((None, "reader"), ("writes", None))),
    ],
)
def test_data_are_written_with_the_keys_of_the_builder_where_it_has_some(
    environment: Mapping[str, str], expected: Any, tmp_path: Path
) -> None:
    assert keys(environment, tmp_path) == expected


def test_how_the_buckets_are_reached_is_the_same_for_both(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text('[storage]\nendpoint = "http://127.0.0.1:9000"\nregion = "moon"\n')
    writing = load_settings(tmp_path, READING | WRITING).writing
    assert (writing.endpoint, writing.region) == ("http://127.0.0.1:9000", "moon")


@pytest.mark.parametrize(
    "wrong",
    [{"GATEWAY_BUILDER_ACCESS_KEY_ID": "writes"}, WRITING | PROFILE, {"GATEWAY_BUILDER_PROFILE": ""}],
    ids=["half", "both", "empty"],
)
def test_keys_that_are_half_given_or_twice_are_refused(wrong: Mapping[str, str], tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(tmp_path, wrong)
    assert "hush" not in str(caught.value)
    assert all("builder" in each.message for each in caught.value.diagnostics)


@pytest.mark.parametrize("given", [WRITING, PROFILE], ids=["keys", "profile"])
def test_a_server_does_not_start_with_keys_that_write(given: Mapping[str, str], tmp_path: Path) -> None:
    for name in ("catalog", "queries"):
        (tmp_path / name).mkdir()
    (tmp_path / "gateway.toml").write_text("")
    result = CliRunner(env=dict(given)).invoke(main, ["serve", "--project", str(tmp_path)])
    assert result.exit_code == 1, result.output
    assert "keys that write are not for gateway serve" in " ".join(result.output.split())
    assert "hush" not in result.output
    assert not (tmp_path / ".gateway").exists()
