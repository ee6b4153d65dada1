"""Deployments that share a state folder and a Redis, and differ in one thing: none sees another's rows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from deployments import copy_with_times, write_data, write_project
from seaweed import S3Server, find_seaweed, run_seaweed

from gateway.answer import Answer
from gateway.app import gateway as opening
from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.engine.duckdb import DuckDBEngine
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from gateway.telemetry.events import unobserved

SOMEBODY = Principal(name="somebody")


@contextmanager
def opened(project: Path, **settings: str) -> Iterator[Gateway]:
    """Open the pipeline of a project as a server does, with settings such as ``CACHE_NAMESPACE``."""
    environment = {f"GATEWAY_{name}": value for name, value in settings.items()}
    with open_gateway(load_settings(project, environment), observe=unobserved, background=False) as gateway:
        yield gateway


def ask(gateway: Gateway, number: int = 1) -> Answer:
    request = Request(query="owner", version=None, parameters={"ask": number})
    return gateway.answer(request, principal=SOMEBODY)


def owner(answer: Answer) -> object:
    return answer.result.table["owner"][0].as_py()


class Shared:
    """What the deployments of a test share."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.folder, self.redis_url = folder, redis_url

    def settings(self, what: str, host: str) -> dict[str, str]:
        """Share the state folder, or Redis alone."""
        state = {"STATE": str(self.folder / ("state" if what == "state" else host))}
        return state if what == "state" else {**state, "CACHE_REDIS": self.redis_url}


@pytest.fixture
def shared(tmp_path: Path, redis_server: Any) -> Shared:
    return Shared(tmp_path, redis_server.url)


def answers(shared: Shared, what: str, first: Path, second: Path, **of_second: str) -> list[Answer]:
    """Ask two deployments that share something the same question, one after the other, and the first once more."""
    found = []
    for host, project, more in (("one", first, {}), ("two", second, of_second), ("one", first, {})):
        with opened(project, **shared.settings(what, host), **more) as gateway:
            found.append(ask(gateway))
    return found


@pytest.mark.parametrize("what", ["state", "redis"])
def test_projects_of_the_same_text_in_two_folders(shared: Shared, what: str) -> None:
    projects = [write_project(shared.folder / name) for name in ("blue", "green")]
    for project in projects:
        write_data(project / "data", project.name)
    assert [owner(one) for one in answers(shared, what, *projects)] == ["blue", "green", "blue"]


@pytest.mark.parametrize("what", ["state", "redis"])
def test_a_folder_that_was_copied_with_its_times_and_its_state(shared: Shared, what: str) -> None:
    blue = write_project(shared.folder / "blue")
    write_data(blue / "data", "blue")
    settings = {} if what == "state" else {"CACHE_REDIS": shared.redis_url}
    with opened(blue, **settings) as gateway:
        ask(gateway)
    copy_with_times(blue, shared.folder / "green")
    write_data(shared.folder / "green" / "data", "green")
    with opened(shared.folder / "green", **settings) as gateway:
        assert owner(ask(gateway)) == "green"
    with opened(blue, **settings) as gateway:
        again = ask(gateway)
        assert (owner(again), again.status.hit) == ("blue", True)


@pytest.mark.parametrize("what", ["state", "redis"])
@pytest.mark.parametrize("spelled", ["data", "link", "absolute"])
def test_one_folder_that_is_spelled_in_another_way_is_shared(shared: Shared, what: str, spelled: str) -> None:
    project = write_project(shared.folder / "blue")
    data = write_data(project / "data", "blue")
    (shared.folder / "link").symlink_to(project)
    first = project
    if spelled == "absolute":
        first = write_project(shared.folder / "other", location=f"file://{data}")
    second = shared.folder / "link" if spelled == "link" else project
    found = answers(shared, what, first, second)
    assert [owner(one) for one in found] == ["blue"] * 3
    assert found[1].status.hit


@pytest.mark.parametrize("what", ["state", "redis"])
@pytest.mark.parametrize(
    ("release", "engine", "namespace"), [("9.9", None, ""), (None, "duckdb 0.1", ""), (None, None, "staging")]
)
def test_another_release_engine_or_namespace_computes_its_own(
    shared: Shared, what: str, release: str | None, engine: str | None, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = write_project(shared.folder / "blue")
    write_data(project / "data", "blue")
    with opened(project, **shared.settings(what, "one")) as gateway:
        ask(gateway)
        assert ask(gateway).status.hit
    if release is not None:
        monkeypatch.setattr(opening, "version", lambda name: release)
    if engine is not None:
        monkeypatch.setattr(DuckDBEngine, "name", engine)
    more = {"CACHE_NAMESPACE": namespace} if namespace else {}
    with opened(project, **shared.settings(what, "two"), **more) as gateway:
        assert not ask(gateway).status.hit
        assert ask(gateway).status.hit


@pytest.mark.parametrize("what", ["state", "redis"])
def test_a_table_that_is_read_in_another_way_is_another(shared: Shared, what: str) -> None:
    projects = [
        write_project(shared.folder / "blue"),
        write_project(
            shared.folder / "green", location=f"file://{shared.folder}/blue/data", more="union_by_name: true\n"
        ),
    ]
    write_data(projects[0] / "data", "blue")
    assert not answers(shared, what, *projects)[1].status.hit


@pytest.mark.parametrize("what", ["state", "redis"])
def test_two_endpoints_with_a_bucket_of_the_same_name(
    shared: Shared, what: str, s3: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    program = find_seaweed()
    assert program is not None
    with run_seaweed(program, tmp_path_factory.mktemp("s3-of-green")) as other:
        places = {"blue": s3, "green": other}
        for name, server in places.items():
            server.upload(write_data(shared.folder / f"{name}-data", name), f"deployments-{what}")
            write_project(shared.folder / name, location=s3.url(f"deployments-{what}"))
        for name in ("blue", "green", "blue"):
            settings = _storage(places[name])
            with opened(shared.folder / name, **shared.settings(what, name), **settings) as gateway:
                assert owner(ask(gateway)) == name


def _storage(server: S3Server) -> dict[str, str]:
    given = server.environment
    return {
        "STORAGE_ENDPOINT": given["AWS_ENDPOINT_URL"],
        "STORAGE_REGION": given.get("AWS_REGION", "us-east-1"),
        "STORAGE_ACCESS_KEY_ID": given["AWS_ACCESS_KEY_ID"],
        "STORAGE_SECRET_ACCESS_KEY": given["AWS_SECRET_ACCESS_KEY"],
        "STORAGE_URL_STYLE": "path",
    }


def test_a_state_folder_in_another_place_is_begun_anew(shared: Shared) -> None:
    project = write_project(shared.folder / "blue")
    write_data(project / "data", "blue")
    with opened(project) as gateway:
        ask(gateway)
    moved = shared.folder / "moved"
    shutil.move(project, moved)
    with opened(moved) as gateway:
        assert owner(ask(gateway)) == "blue"
    other = write_project(project)
    write_data(other / "data", "green")
    with opened(other) as gateway:
        assert owner(ask(gateway)) == "green"
