"""API keys: made once, kept as digests, valid until they expire or are revoked."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.access import keys as module
from gateway.access.keys import NO_KEYS, KeyFile, Keys, read_keys
from gateway.access.reloading_file import FileUnreadable
from gateway.errors import AccessInvalid
from gateway.model import Principal

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def file(path: Path) -> KeyFile:
    return KeyFile(path, clock=lambda: NOW)


def keys_in(path: Path) -> Keys:
    return read_keys(path.read_text())


def test_a_key_is_the_principal_it_was_made_for(file: KeyFile, path: Path) -> None:
    key = file.add("ana", groups=("analysts", "ops"))
    expected = Principal(name="ana", groups=frozenset({"analysts", "ops"}))
    assert keys_in(path).check(key, NOW) == expected


def test_the_log_gets_the_public_part_of_a_key_only(file: KeyFile, path: Path) -> None:
    key = file.add("ana")
    found = keys_in(path).check(key, NOW)
    assert isinstance(found, Principal)
    assert found.credential == key.rpartition("_")[0]


def test_the_file_does_not_hold_the_secret(file: KeyFile, path: Path) -> None:
    secret = file.add("ana").rpartition("_")[2]
    assert len(secret) == 52  # 256 bits, 5 a letter
    assert secret not in path.read_text()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key[:-1],
        lambda key: key + "a",
        lambda key: key.rpartition("_")[0] + "_",
        lambda key: key.rpartition("_")[0],
        lambda key: key.replace("qg_", "qg_2"),
        lambda key: "qg__" + key.rpartition("_")[2],
        lambda key: key.upper(),
        lambda key: key + "\x00",
        lambda key: key + "a" * 100_000,
        lambda key: "qg_\udc80_\udc80",
    ],
)
def test_another_text_is_no_key(file: KeyFile, path: Path, spoil: Callable[[str], str]) -> None:
    assert keys_in(path_with(file, path)).check(spoil(file.add("ana")), NOW) == "unknown-key"


def path_with(file: KeyFile, path: Path) -> Path:
    file.add("bob")
    return path


def test_a_secret_belongs_to_its_own_id(file: KeyFile, path: Path) -> None:
    first, second = file.add("ana"), file.add("bob")
    mixed = f"{first.rpartition('_')[0]}_{second.rpartition('_')[2]}"
    assert keys_in(path).check(mixed, NOW) == "unknown-key"


def test_every_check_compares_digests_in_constant_time(
    file: KeyFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[int, int]] = []

    def compare(left: str, right: str) -> bool:
        compared.append((len(left), len(right)))
        return hmac.compare_digest(left, right)

    monkeypatch.setattr(module, "compare_digest", compare)
    key = file.add("ana")
    for text in (key, key[:-1], "qg_nothere234_x", "nonsense"):
        keys_in(path).check(text, NOW)
    assert compared == [(64, 64)] * 4


def test_a_key_expires(file: KeyFile, path: Path) -> None:
    key = file.add("ana", lifetime=60)
    assert isinstance(keys_in(path).check(key, NOW + timedelta(seconds=59)), Principal)
    assert keys_in(path).check(key, NOW + timedelta(seconds=60)) == "expired-key"


@pytest.mark.parametrize("shown", [lambda key: key.split("_")[1], lambda key: key.rpartition("_")[0], lambda key: key])
def test_a_revoked_key_is_refused(file: KeyFile, path: Path, shown: Callable[[str], str]) -> None:
    key, other = file.add("ana"), file.add("ana")
    assert file.revoke(shown(key)) is not None
    assert keys_in(path).check(key, NOW) == "revoked-key"
    assert isinstance(keys_in(path).check(other, NOW), Principal)


def test_revoking_twice_changes_nothing(file: KeyFile, path: Path) -> None:
    key = file.add("ana")
    file.revoke(key)
    before = path.read_text()
    file.revoke(key)
    assert path.read_text() == before


def test_there_is_nothing_to_revoke_where_there_is_no_such_key(file: KeyFile) -> None:
    assert file.revoke("qg_nothere234") is None


def test_only_the_owner_reads_the_file(file: KeyFile, path: Path) -> None:
    file.add("ana")
    file.add("bob")
    assert path.stat().st_mode & 0o777 == 0o600


def test_writers_at_the_same_time_lose_no_key(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: KeyFile(path).add(f"user {number}"), range(40)))
    assert sorted(key.split("_")[1] for key in made) == sorted(keys_in(path).by_id)


def test_a_broken_file_is_not_written_over(file: KeyFile, path: Path) -> None:
    path.write_text("{")
    with pytest.raises(AccessInvalid):
        file.add("ana")
    assert path.read_text() == "{"


@pytest.mark.parametrize("name", ["", " ana", "ana\r\nX-Admin: 1", "a\x00", "*", "anonymous", "authenticated"])
def test_a_name_that_means_something_else_is_refused(file: KeyFile, path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        file.add(name)
    assert not path.exists()


def test_a_group_cannot_be_claimed_by_a_name(file: KeyFile) -> None:
    with pytest.raises(ValueError, match=r"access\.yaml"):
        file.add("group:admins")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"keys": 1}', '{"keys": [{"id": "x"}]}', '{"keys": [], "more": 1}', "null"]
)
def test_what_is_no_file_of_keys_is_refused(text: str) -> None:
    with pytest.raises(FileUnreadable):
        read_keys(text)


def test_a_mistake_in_the_file_is_told_without_its_digests(file: KeyFile, path: Path) -> None:
    file.add("ana")
    document = json.loads(path.read_text())
    document["keys"][0]["digest"] = "secret-thing"
    with pytest.raises(FileUnreadable) as caught:
        read_keys(json.dumps(document))
    assert "secret-thing" not in str(caught.value)
    assert str(caught.value).startswith("keys.0.digest:")


def test_without_a_file_nobody_has_a_key() -> None:
    assert NO_KEYS.check("qg_aaaaaaaaaa_x", NOW) == "unknown-key"
