from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from gateway.cli.keys import command


def run(project: Path, *arguments: str) -> Result:
    (project / "gateway.toml").touch()
    return CliRunner().invoke(command, [arguments[0], "--project", str(project), *arguments[1:]])


def test_a_key_is_printed_alone_so_that_a_script_can_keep_it(tmp_path: Path) -> None:
    result = run(tmp_path, "add", "ana", "--group", "analysts")
    assert result.exit_code == 0
    assert result.stdout.startswith("qg_")
    assert result.stdout.count("\n") == 1


def test_keys_are_listed_without_their_secrets(tmp_path: Path) -> None:
    key = run(tmp_path, "add", "ana", "--group", "analysts", "--expires", "1d").stdout.strip()
    [listed] = json.loads(run(tmp_path, "list", "--format", "json").stdout)
    assert (listed["name"], listed["groups"], listed["state"]) == ("ana", ["analysts"], "valid")
    assert "digest" not in listed
    text = run(tmp_path, "list").stdout
    assert key.rpartition("_")[0] in text
    assert key not in text


def test_a_revoked_key_is_listed_as_such(tmp_path: Path) -> None:
    key = run(tmp_path, "add", "ana").stdout.strip()
    assert run(tmp_path, "revoke", key.rpartition("_")[0]).exit_code == 0
    assert "revoked" in run(tmp_path, "list").stdout


def test_what_is_no_key_name_or_time_is_refused(tmp_path: Path) -> None:
    for wrong in (["add", "a\nb"], ["add", "*"], ["add", "ana", "--expires", "soon"], ["revoke", "nothere"]):
        assert run(tmp_path, *wrong).exit_code == 2, wrong
    assert run(tmp_path, "list", "--format", "json").stdout == "[]\n"


def test_the_file_is_where_the_settings_say(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text('[access]\nkeys = "secrets/k.json"\n')
    run(tmp_path, "add", "ana")
    assert (tmp_path / "secrets" / "k.json").exists()
