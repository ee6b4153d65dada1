"""Asking for a reload, and seeing which files are broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask.testing import FlaskClient

from gateway.access.base import OPEN
from gateway.declaration import BrokenFile, FileKind, Serving
from gateway.errors import Diagnostic
from gateway.model import Principal
from gateway.project.loader import Project
from gateway.project.reload import Difference, Reloaded
from gateway.query.registry import Registry

MISTAKE = Diagnostic(path="queries/delays/v2.sql", line=4, column=1, message="SELEC starts none")
BROKEN = BrokenFile(
    path=MISTAKE.path,
    kind=FileKind.QUERY,
    name="delays",
    version=2,
    diagnostics=(MISTAKE,),
    serving=Serving.LAST_GOOD,
)
TOLD = {
    "path": "queries/delays/v2.sql",
    "serving": "last-good",
    "mistakes": [
        {
            "path": "queries/delays/v2.sql",
            "line": 4,
            "column": 1,
            "message": "SELEC starts none",
            "rule": "invalid",
            "severity": "error",
        }
    ],
}


class NobodyMay:
    """Access that lets nobody do what operators do."""

    def __getattr__(self, name: str) -> Any:
        return getattr(OPEN, name)

    def may(self, principal: Principal, action: str, name: str) -> bool:
        return action != "reload"


def project(gateway: Any, *broken: BrokenFile) -> Project:
    return Project(tables={}, sources={}, registry=gateway.registry, broken=broken, commit="c" * 40)


def test_a_reload_answers_what_changed_and_what_is_broken(make_site: Callable[..., FlaskClient]) -> None:
    done = Reloaded(
        outcome="reloaded",
        queries=Difference(added=("delays/v3",)),
        tables=Difference(changed=("flights",)),
        broken=(BROKEN,),
        commit="c" * 40,
        seconds=0.25,
    )
    response = make_site(reload=lambda: done).post("/v1/reload")
    assert (response.status_code, response.get_json()) == (
        200,
        {
            "outcome": "reloaded",
            "commit": "c" * 40,
            "seconds": 0.25,
            "queries": {"added": ["delays/v3"], "changed": [], "removed": []},
            "tables": {"added": [], "changed": ["flights"], "removed": []},
            "broken": [TOLD],
        },
    )


def test_who_has_no_grant_reloads_nothing(make_site: Callable[..., FlaskClient]) -> None:
    asked: list[str] = []
    response = make_site(reload=lambda: asked.append("reload"), access=NobodyMay()).post("/v1/reload")
    assert (response.status_code, asked) == (401, [])


def test_readiness_lists_broken_files_and_the_commit_and_is_not_changed_by_them(
    make_site: Callable[..., FlaskClient], gateway: Any
) -> None:
    response = make_site(project=project(gateway, BROKEN)).get("/readyz")
    assert (response.status_code, response.get_json()["project"]) == (200, {"commit": "c" * 40, "broken": [TOLD]})


def test_readiness_only_counts_broken_files_for_those_who_may_not_reload(
    make_site: Callable[..., FlaskClient], gateway: Any
) -> None:
    response = make_site(project=project(gateway, BROKEN), access=NobodyMay()).get("/readyz")
    assert response.get_json()["project"] == {"commit": "c" * 40, "broken": 1}


def test_the_catalogue_marks_a_query_whose_file_is_broken(make_site: Callable[..., FlaskClient], gateway: Any) -> None:
    templates = gateway.registry.queries()["delays"].values()
    broken = replace(gateway, registry=Registry.of(templates, broken=[BROKEN]))
    client = make_site(gateway=broken)
    (entry,) = client.get("/v1/queries").get_json()["queries"]
    assert entry["broken"] == {"v2": TOLD}
    assert client.get("/v1/queries/delays").get_json()["broken"] == {"v2": TOLD}
    (entry,) = make_site().get("/v1/queries").get_json()["queries"]
    assert "broken" not in entry


def test_a_project_whose_tables_are_all_broken_is_not_ready(
    make_site: Callable[..., FlaskClient], gateway: Any
) -> None:
    mistake = Diagnostic(path="catalog/flights.yaml", message="it cannot be read")
    path, serving = "catalog/flights.yaml", Serving.NOTHING
    broken = BrokenFile(path=path, kind=FileKind.TABLE, name="flights", diagnostics=(mistake,), serving=serving)
    without = replace(gateway, catalog=replace(gateway.catalog, tables={}))
    response = make_site(gateway=without, project=project(without, broken)).get("/readyz")
    assert (response.status_code, response.get_json()["checks"]["project"]) == (
        503,
        {"status": "failing", "code": "table-invalid", "detail": "The project's files are wrong."},
    )
