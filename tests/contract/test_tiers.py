"""What every cache tier promises."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.ipc
import pytest
from clocks import Clock
from redis import Connection
from waiting import wait_for

from gateway.cache.fault_tolerant import FaultTolerantTier
from gateway.cache.files import FileTier
from gateway.cache.memory import MemoryTier
from gateway.cache.redis import RedisTier, connect
from gateway.cache.serialization import with_header
from gateway.cache.tier import Purge, Room, Tier, Validation, ValueRejected
from gateway.model import Column, Reading, Result
from gateway.telemetry.events import unobserved

MakeTier = Callable[[int, Callable[[], float]], Tier]


@pytest.fixture(params=["memory", "files"])
def make_tier(request: pytest.FixtureRequest, tmp_path: Path) -> MakeTier:
    """Tiers that bound themselves and take the clock of the test."""
    if request.param == "memory":
        return lambda size, clock: MemoryTier(size, clock=clock)
    return lambda size, clock: FileTier(tmp_path / "results", size, clock=clock)


def result(key: str, rows: int = 3, query: str = "delays", created_at: float = 999.25) -> Result:
    return Result(
        key=key,
        table=pa.table({"n": pa.array(range(rows), pa.int64()), "s": pa.array(["x"] * rows)}),
        columns=(Column(name="n", type="BIGINT"), Column(name="s", type="VARCHAR")),
        readings=(
            Reading(
                table="flights",
                snapshot="abc",
                listed_at=12.5,
                partitions=7,
                partitions_total=365,
                files=21,
                files_total=1095,
                size=1000,
                size_total=100_000,
            ),
        ),
        created_at=created_at,
        seconds=0.125,
        query=query,
        version=2,
    )


def test_a_kept_result_comes_back_whole(tier: Tier) -> None:
    given = result("aa11")
    assert tier.put(given, lifetime=60)
    assert tier.result("aa11") == given


def test_a_tier_tells_how_full_it_is(tier: Tier) -> None:
    before = tier.room()
    assert tier.put(result("aa11", rows=1_000), lifetime=60)
    after = tier.room()
    assert (before.works, after.works) == (True, True)
    assert (before.used or 0) >= 0
    # What is written behind waits, and Redis tells of all its memory.
    assert (after.used or 0) > (before.used or 0) or not isinstance(tier, MemoryTier | FileTier)
    assert (after.bound == 1_000_000) == (not isinstance(tier, RedisTier))


def test_a_tier_of_redis_with_a_bound_of_its_own_tells_of_that(redis_server: Any) -> None:
    tier = RedisTier(connect(redis_server.url), largest=1_000_000, kind="partial", size=50_000)
    assert tier.room() == Room(used=0, bound=50_000)
    tier.put(result("aa11"), lifetime=60)
    assert 250 < (tier.room().used or 0) < 5_000


def test_a_redis_that_does_not_tell_of_its_memory_works(redis_server: Any) -> None:
    admin = connect(redis_server.url)
    admin.execute_command("ACL", "SETUSER", "default", "-info")
    assert RedisTier(connect(redis_server.url), largest=1_000_000).room() == Room()


def test_a_tier_that_fails_tells_nothing_of_its_room(redis_server: Any) -> None:
    tier = FaultTolerantTier(RedisTier(connect(redis_server.url), largest=1_000_000), unobserved)
    redis_server.stop()
    assert tier.room() == Room(works=False)


def test_several_results_are_kept_and_come_back_at_once(tier: Tier) -> None:
    given = {f"{number:040x}": result(f"{number:040x}", rows=number) for number in range(150)}
    tier.put_all(list(given.values()), lifetime=60)
    assert tier.results([*given, "ff11"]) == given


def test_of_several_values_one_that_is_damaged_is_the_only_one_rejected(tmp_path: Path) -> None:
    tier, keys = FileTier(tmp_path, 1_000_000), [f"{number:040x}" for number in range(3)]
    tier.put_all([result(key) for key in keys], lifetime=60)
    [path] = tmp_path.glob(f"??/{keys[1]}.arrow")
    expires = path.stat().st_mtime
    path.write_bytes(b"damaged")
    os.utime(path, (expires, expires))
    found = tier.results(keys)
    assert isinstance(found.pop(keys[1]), ValueRejected)
    assert found == {key: result(key) for key in (keys[0], keys[2])}


def test_several_results_of_redis_cost_one_round_trip_each_way(redis_server: Any) -> None:
    sent = list[object]()

    class Counted(Connection):
        def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            sent.append(command)
            super().send_packed_command(command, check_health)

    client = connect(redis_server.url)
    client.connection_pool.connection_class = Counted
    tier, kept = RedisTier(client, largest=100_000), [result(f"{number:040x}") for number in range(30)]
    assert tier.results(["ff11"]) == {}  # connected by now
    sent.clear()
    tier.put_all(kept, lifetime=60)
    assert tier.results([one.key for one in kept]) == {one.key: one for one in kept}
    assert len(sent) == 2


def sizes_of(tier: Tier) -> int:
    return sum(entry.size for entry in tier.entries())


def test_results_that_are_bounded_in_redis_make_room_the_oldest_first(redis_server: Any) -> None:
    tier = RedisTier(connect(redis_server.url), largest=100_000, size=20_000)
    keys = [f"{number:040x}" for number in range(60)]
    for key in keys[:30]:
        assert tier.put(result(key), lifetime=60)
    tier.put_all([result(key) for key in keys[30:]], lifetime=60)
    kept = sorted(tier.results(keys))
    assert kept == keys[-len(kept) :]
    assert 10_000 < sizes_of(tier) < tier.used <= 20_000
    assert not tier.put(result("ff11", rows=20_000, query="x" * 40_000), lifetime=60)
    assert sorted(tier.results(keys)) == kept


def test_what_expires_in_redis_or_is_kept_again_leaves_its_room(redis_server: Any) -> None:
    tier = RedisTier(connect(redis_server.url), largest=100_000, size=20_000)
    tier.put(result("aa11"), lifetime=60)
    one = tier.used
    for _ in range(3):
        tier.put(result("aa11"), lifetime=0.001)
    assert tier.used == one
    wait_for(lambda: tier.result("aa11") is None)
    tier.put(result("bb22"), lifetime=60)
    assert tier.used == one


@pytest.mark.parametrize("gone", ["*-expiries", "*-sizes", "*:result:*"])
def test_a_bound_in_redis_holds_again_where_what_tells_of_it_was_lost(redis_server: Any, gone: str) -> None:
    client = connect(redis_server.url)
    tier = RedisTier(client, largest=100_000, size=20_000)
    for number in range(20):
        tier.put(result(f"{number:040x}"), lifetime=60)
    for name in list(client.scan_iter(gone)):
        client.set(name, "something else")
    for number in range(20, 60):
        assert tier.put(result(f"{number:040x}"), lifetime=60)
    assert tier.used <= 20_000
    assert tier.result(f"{59:040x}") == result(f"{59:040x}")


def test_of_several_values_in_redis_what_is_not_ours_is_the_only_one_rejected(redis_server: Any) -> None:
    client = connect(redis_server.url)
    tier, keys = RedisTier(client, largest=100_000), [f"{number:040x}" for number in range(4)]
    tier.put_all([result(key) for key in keys], lifetime=60)
    names = {key: name for name in client.scan_iter() for key in keys if key.encode() in name}
    client.set(names[keys[0]], b"something else")
    client.delete(names[keys[1]])
    client.lpush(names[keys[1]], b"a list")
    found = tier.results(keys)
    assert [isinstance(found.pop(key), ValueRejected) for key in keys[:2]] == [True, True]
    assert found == {key: result(key) for key in keys[2:]}


def test_a_result_of_no_rows_comes_back_with_its_columns(tier: Tier) -> None:
    given = result("aa11", rows=0)
    tier.put(given, lifetime=60)
    assert tier.result("aa11") == given


def test_a_result_that_an_earlier_release_kept_without_a_digest_is_absent(tmp_path: Path) -> None:
    tier, table = FileTier(tmp_path, 1_000_000), with_header(result("aa11"))
    header = orjson.loads(table.schema.metadata[b"gateway"])
    assert tier.put(result("aa11"), lifetime=60)
    del header["digest"]
    old = table.replace_schema_metadata({b"gateway": orjson.dumps(header)})
    [path] = tmp_path.glob("aa/*.arrow")
    expires = path.stat().st_mtime
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, old.schema) as writer:
        writer.write_table(old)
    os.utime(path, (expires, expires))
    with pytest.raises(ValueRejected):
        tier.result("aa11")
    assert tier.result("aa11") is None
    assert list(tier.entries()) == []


def test_an_unknown_key_is_absent(tier: Tier) -> None:
    assert tier.result("aa11") is None


def test_a_result_is_gone_when_its_lifetime_ends(make_tier: MakeTier, clock: Clock) -> None:
    tier = make_tier(1_000_000, clock)
    tier.put(result("aa11"), lifetime=60)
    clock.now += 61
    assert tier.result("aa11") is None


def test_a_mark_is_replaced_by_a_newer_one(tier: Tier) -> None:
    tier.put_validation("beef", Validation(key="aa11", checked_at=1.0), lifetime=60)
    tier.put_validation("beef", Validation(key="bb22", checked_at=2.0), lifetime=60)
    assert tier.validation("beef") == Validation(key="bb22", checked_at=2.0)


def test_a_mark_is_gone_when_its_lifetime_ends(make_tier: MakeTier, clock: Clock) -> None:
    tier = make_tier(1_000_000, clock)
    tier.put_validation("beef", Validation(key="aa11", checked_at=1.0), lifetime=60)
    clock.now += 61
    assert tier.validation("beef") is None


def test_a_result_larger_than_the_tier_is_refused_and_evicts_nothing(make_tier: MakeTier, clock: Clock) -> None:
    tier = make_tier(20_000, clock)
    tier.put(result("aa11"), lifetime=60)
    assert not tier.put(result("bb22", rows=10_000), lifetime=60)
    assert tier.result("aa11") is not None


def test_a_result_too_large_for_redis_is_refused(redis_server: Any) -> None:
    tier = RedisTier(connect(redis_server.url), largest=1_000)
    assert not tier.put(result("aa11", rows=10_000), lifetime=60)
    assert tier.result("aa11") is None
    tier.close()


def test_redis_itself_forgets_a_result_when_its_lifetime_ends(redis_server: Any) -> None:
    client = connect(redis_server.url)
    tier = RedisTier(client, largest=10_000)
    tier.put(result("aa11"), lifetime=60)
    tier.put_validation("beef", Validation(key="aa11", checked_at=1.0), lifetime=30)
    lifetimes = sorted(round(client.pttl(key), -4) for key in client.scan_iter() if b"answers" not in key)
    assert lifetimes == [30_000, 60_000]
    tier.close()


def test_a_tier_keeps_within_its_size_by_dropping_others(make_tier: MakeTier, clock: Clock) -> None:
    tier = make_tier(100_000, clock)
    keys = [f"{n:04x}" for n in range(100)]
    for key in keys:
        clock.now += 1
        tier.put(result(key, rows=300), lifetime=600)
    kept = [key for key in keys if tier.result(key) is not None]
    assert 0 < len(kept) < 50
    assert keys[-1] in kept


def test_what_is_kept_is_listed_with_its_query_its_tables_and_its_age(tier: Tier) -> None:
    for key in ("aa11", "bb22"):
        tier.put(result(key), lifetime=60)
        tier.put_validation(key, Validation(key=key, checked_at=1.0), lifetime=60)
    found = {entry.key: entry for entry in tier.entries()}
    assert set(found) == {"aa11", "bb22"}
    entry = found["aa11"]
    assert (entry.query, entry.version, entry.tables, entry.created_at) == ("delays", 2, ("flights",), 999.25)
    assert entry.size > 48


@pytest.mark.parametrize(
    ("which", "dropped"),
    [
        (Purge(), {"aa11", "bb22", "cc33"}),
        (Purge(query="routes"), {"bb22"}),
        (Purge(table="flights"), {"aa11", "bb22", "cc33"}),
        (Purge(table="planes"), set()),
        (Purge(before=100.0), {"aa11", "bb22"}),
        (Purge(query="delays", before=100.0), {"aa11"}),
    ],
)
def test_exactly_what_is_meant_is_dropped(tier: Tier, which: Purge, dropped: set[str]) -> None:
    tier.put(result("aa11", created_at=10.0), lifetime=60)
    tier.put(result("bb22", query="routes", created_at=20.0), lifetime=60)
    tier.put(result("cc33", created_at=300.0), lifetime=60)
    assert tier.drop(which) == len(dropped)
    assert {key for key in ("aa11", "bb22", "cc33") if tier.result(key) is None} == dropped


def test_a_lifetime_is_put_off_and_never_cut_short(make_tier: MakeTier, clock: Clock) -> None:
    tier = make_tier(1_000_000, clock)
    tier.put(result("aa11"), lifetime=60)
    clock.now += 50
    tier.extend("aa11", lifetime=60)
    tier.extend("aa11", lifetime=1)
    tier.extend("dead", lifetime=60)
    clock.now += 50
    assert tier.result("aa11") is not None
    clock.now += 20
    assert tier.result("aa11") is None


def test_redis_puts_a_lifetime_off_and_never_cuts_it_short(redis_server: Any) -> None:
    client = connect(redis_server.url)
    tier = RedisTier(client, largest=10_000)
    tier.put(result("aa11"), lifetime=60)
    tier.extend("aa11", lifetime=120)
    tier.extend("aa11", lifetime=1)
    assert [round(client.pttl(key), -4) for key in client.scan_iter()] == [120_000]
    tier.close()


def test_a_file_that_lost_its_end_is_no_result(tmp_path: Path, clock: Clock) -> None:
    tier = FileTier(tmp_path / "results", 1_000_000, clock=clock)
    tier.put(result("aa11", rows=5_000), lifetime=60)
    [path] = (tmp_path / "results").rglob("*.arrow")
    whole, times = path.read_bytes(), path.stat()
    for size in range(0, len(whole) - 8, max(1, len(whole) // 40)):
        path.write_bytes(whole[:size])
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        with pytest.raises(ValueRejected):
            tier.result("aa11")
