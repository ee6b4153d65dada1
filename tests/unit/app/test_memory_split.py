"""One number of memory, divided among the workers and what each needs it for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.app.memory_split import MemorySplit, available_memory, group_limit, split_memory
from gateway.errors import SettingsInvalid
from gateway.settings import Settings

MIB, GIB = 2**20, 2**30


def budget(memory: int | None = 2 * GIB, *, workers: int = 1, cores: int = 4, **sections: Any) -> MemorySplit:
    values = {"project": Path(), "state": Path(), "memory": memory, "server": {"workers": workers}, **sections}
    return split_memory(Settings.model_validate(values), cores=cores, available=lambda: 4 * GIB)


@given(
    memory=st.integers(3 * GIB // 2, 256 * GIB),
    workers=st.integers(1, 3),
    cores=st.integers(1, 128),
    engine=st.none() | st.integers(10 * MIB, 40 * MIB),
    cache=st.none() | st.integers(0, 40 * MIB),
    result=st.none() | st.integers(MIB, 20 * MIB),
)
def test_the_parts_are_never_more_than_the_whole(
    memory: int, workers: int, cores: int, engine: int | None, cache: int | None, result: int | None
) -> None:
    kept = {"memory": cache, "max_result": result}
    found = budget(memory, workers=workers, cores=cores, engine={"memory": engine}, cache=kept)
    assert sum(found.parts.values()) <= memory
    assert found.bound == found.parts["engine"] + found.parts["beyond"]
    assert min(found.parts.values()) >= 0
    assert found.max_result * 2 <= found.results
    assert found.share * found.slots + found.gathered <= found.results // 2 + found.cache
    assert engine in (None, found.engine)
    assert cache in (None, found.cache)
    assert result in (None, found.max_result)


def test_a_part_that_is_set_leaves_the_rest_to_the_others() -> None:
    usual, found = budget(), budget(engine={"memory": 100 * MIB})
    assert found.engine == 100 * MIB < usual.engine
    assert found.cache > usual.cache
    assert sum(found.parts.values()) == pytest.approx(2 * GIB, abs=4)


@pytest.mark.parametrize(
    ("sections", "named"),
    [
        ({"engine": {"memory": "2GiB"}}, "3GiB for engine.memory"),
        ({"cache": {"memory": "3GiB"}}, "3GiB for cache.memory"),
        ({"cache": {"max_result": "1GiB"}}, "2GiB for cache.max_result"),
        ({"engine": {"memory": "1GiB"}, "cache": {"memory": "600MiB"}}, "600MiB for cache.memory"),
        ({"workers": 16}, "too little for 16 workers: they need 5GiB"),
    ],
)
def test_parts_that_are_too_much_together_stop_the_start(sections: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsInvalid, match=named):
        budget(**sections)


def test_the_memory_that_is_asked_for_is_enough() -> None:
    with pytest.raises(SettingsInvalid) as raised:
        budget(512 * MIB, workers=4, engine={"memory": "1GiB"})
    hint = raised.value.diagnostics[0].hint
    assert hint == "set memory to 2688MiB or more, or fewer workers"
    assert budget(2688 * MIB, workers=4, engine={"memory": "1GiB"}).engine == GIB


def test_as_many_queries_run_at_once_as_cores_and_memory_allow() -> None:
    assert budget(8 * GIB, cores=16).slots == 16
    assert budget(8 * GIB, cores=16, workers=4).slots == 16, "of the machine"
    assert budget(8 * GIB, cores=1).slots == 2, "one for cheap queries"
    assert budget(3 * GIB // 2, cores=16).slots == 2
    assert budget(3 * GIB // 2, cores=16, engine={"slots": 7}).slots == 7


def test_without_a_number_it_is_what_there_is() -> None:
    assert budget(None).memory == 4 * GIB
    assert 0 < available_memory() < 2**50


def group(root: Path, lines: str, limits: dict[str, str]) -> Path:
    files = {"proc/self/cgroup": lines, **{f"sys/fs/cgroup/{name}": text for name, text in limits.items()}}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("lines", "limits", "expected"),
    [
        ("0::/app/gateway\n", {"app/gateway/memory.max": "max\n", "app/memory.max": "1073741824\n"}, GIB),
        ("0::/app\n", {"app/memory.max": "2048\n", "memory.max": "1024\n"}, 1024),
        ("0::/elsewhere/on/the/host\n", {"memory.max": "4096\n"}, 4096),
        ("0::/\n", {"memory.max": "max\n"}, None),
        ("4:memory:/docker/a\n3:cpu:/x\n", {"memory/docker/a/memory.limit_in_bytes": "8192\n"}, 8192),
        ("4:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ("3:cpu,cpuacct:/x\n", {"x/memory.max": "1\n"}, None),
    ],
)
def test_the_limit_of_a_control_group_is_the_least_of_its_ancestors(
    tmp_path: Path, lines: str, limits: dict[str, str], expected: int | None
) -> None:
    assert group_limit(group(tmp_path, lines, limits)) == expected


def test_a_limited_control_group_gives_most_of_its_limit(tmp_path: Path) -> None:
    assert available_memory(group(tmp_path, "0::/\n", {"memory.max": str(100 * MIB)})) == 85 * MIB


def test_a_machine_without_control_groups_has_no_limit(tmp_path: Path) -> None:
    assert group_limit(tmp_path) is None


PAGE = (Path(__file__).parents[3] / "docs" / "operating.md").read_text(encoding="utf-8")


def test_the_least_memory_is_what_the_documentation_says() -> None:
    section = PAGE.split("`memory` is at least:")[1]
    rows = re.findall(r"^\| (\d+) \| (\d+) MiB \|$", section, re.MULTILINE)
    assert rows
    for workers, least in rows:
        assert budget(int(least) * MIB, workers=int(workers)).engine > 0
        with pytest.raises(SettingsInvalid, match=f"they need {least}MiB"):
            budget(int(least) * MIB - 1, workers=int(workers))


def test_the_line_of_the_start_is_what_the_documentation_shows() -> None:
    assert f"\nMemory: {budget(4 * GIB, workers=2, cores=4)}\n" in PAGE
