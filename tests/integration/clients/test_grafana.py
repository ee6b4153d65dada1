"""What Grafana asks, without Grafana: questions of the provisioned dashboard, in forms that its documentation gives."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml
from npm import Npm

ROOT = Path(__file__).parents[3]
GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARDS = ("answers.json", "dashboard.json")
ANSWERS = json.loads((GRAFANA / "answers.json").read_text())
TARGETS = [target for panel in ANSWERS["panels"] for target in panel["targets"]]

Ranges = tuple[datetime, datetime]
FORMS: dict[str, Callable[[datetime], str]] = {
    "": lambda moment: str(round(moment.timestamp() * 1_000)),
    ":date": lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1_000:03}Z",
    ":date:iso": lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1_000:03}Z",
    ":date:seconds": lambda moment: str(int(moment.timestamp())),
    ":date:YYYY-MM-DD": lambda moment: f"{moment:%Y-%m-%d}",
}
"""How Grafana writes ``${__from}`` and ``${__to}`` (its page on global variables); the time zone is UTC here."""


def expanded(text: str, times: Ranges, chosen: dict[str, list[str]]) -> str:
    """Write a text as Grafana sends it: its variables replaced."""
    for name, moment in zip(("__from", "__to"), times, strict=True):
        for form, write in FORMS.items():
            text = text.replace(f"${{{name}{form}}}", write(moment))
    for name, values in chosen.items():
        text = text.replace(f"${{{name}:json}}", json.dumps(values))
    assert "$" not in text, text
    return text


def path_of(target: dict[str, Any], times: Ranges, chosen: dict[str, list[str]]) -> str:
    parameters = {each["key"]: expanded(each["value"], times, chosen) for each in target["url_options"]["params"]}
    return f"{target['url']}?{urlencode(parameters)}"


def moments() -> Ranges:
    start, end = (datetime.fromisoformat(ANSWERS["time"][name]) for name in ("from", "to"))
    return start, end


RANGES = {"as provisioned": moments(), "an odd moment": (datetime(2013, 2, 3, 4, 5, 6, 789_000, UTC), moments()[1])}
FITS: dict[str, Callable[[Any], bool]] = {
    "number": lambda value: isinstance(value, int | float),
    "string": lambda value: isinstance(value, str),
    "timestamp": lambda value: datetime.fromisoformat(value) is not None,
}


@pytest.mark.gunicorn
@pytest.mark.parametrize("times", RANGES)
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: str(target["url"].split("/")[3]))
def test_a_panel_gets_the_columns_that_it_shows(target: dict[str, Any], times: str, local_gateway: Any) -> None:
    [variable] = ANSWERS["templating"]["list"]
    everything = {variable["name"]: variable["query"].split(",")}
    reply = local_gateway.get(path_of(target, RANGES[times], everything))
    assert reply.status == 200, reply.body
    found = reply.json()[target["root_selector"]]
    assert found
    for column in target["columns"]:
        values = [row[column["selector"]] for row in found if row[column["selector"]] is not None]
        assert values
        assert all(FITS[column["type"]](value) for value in values), column


@pytest.mark.gunicorn
def test_a_choice_of_carriers_is_one_list(local_gateway: Any) -> None:
    [target] = [each for each in TARGETS if "delays_by_carrier" in each["url"]]
    reply = local_gateway.get(path_of(target, moments(), {"carriers": ["UA", "DL"]}))
    assert {row["carrier"] for row in reply.json()["data"]} == {"UA", "DL"}


def test_the_dashboard_of_answers_is_what_its_program_makes() -> None:
    place = GRAFANA / "make_answers.py"
    made = subprocess.run([sys.executable, str(place), "--print"], capture_output=True, text=True, check=True).stdout
    assert (GRAFANA / "answers.json").read_text() == made, f"run {place.relative_to(ROOT)}"


@pytest.fixture
def compiled(npm: Npm) -> Callable[[Any], str]:
    """Compile a document as a value of the type ``Dashboard`` that Grafana publishes; return what is wrong with it."""

    def check(document: Any) -> str:
        (npm.folder / "dashboard.ts").write_text(
            'import type { Dashboard } from "@grafana/schema";\n'
            f"export const dashboard: Dashboard = {json.dumps(document)};\n"
        )
        return npm.complaints("dashboard.ts")

    return check


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_of_the_type_that_grafana_publishes(name: str, compiled: Callable[[Any], str]) -> None:
    assert compiled(json.loads((GRAFANA / name).read_text())) == ""


def test_what_is_no_dashboard_is_told(compiled: Callable[[Any], str]) -> None:
    assert "'string' is not assignable to type 'number'" in compiled(ANSWERS | {"schemaVersion": "39"})
    assert "is not assignable" in compiled(ANSWERS | {"panels": [ANSWERS["panels"][0] | {"gridPos": {"x": "left"}}]})


def test_the_dashboard_asks_a_source_that_is_provisioned() -> None:
    sources = [
        source
        for path in (GRAFANA / "provisioning" / "datasources").glob("*.yaml")
        for source in yaml.safe_load(path.read_text())["datasources"]
    ]
    provisioned = {(source["type"], source["uid"]) for source in sources}
    asked = {(target["datasource"]["type"], target["datasource"]["uid"]) for target in TARGETS}
    assert asked <= provisioned
    [source] = [each for each in sources if each["uid"] == "query-gateway"]
    assert source["jsonData"]["allowedHosts"] == [source["url"]]


def test_the_time_range_is_written_in_a_form_of_grafanas() -> None:
    used = {found for target in TARGETS for found in re.findall(r"\$\{__(?:from|to)(.*?)\}", json.dumps(target))}
    assert used <= set(FORMS)


# The table of docs/recipes/grafana.md: what Grafana writes, for which parameter, and what it is then.

NEW_YORK = "zone: America/New_York"
TAKEN = [
    ("", f"{{type: timestamp, {NEW_YORK}, epoch: ms}}", "2013-02-03T04:05:06.789000"),
    ("", "{type: timestamptz, epoch: ms}", "2013-02-03T09:05:06.789000Z"),
    ("", f"{{type: date, {NEW_YORK}, epoch: ms}}", "2013-02-03"),
    (":date:seconds", f"{{type: timestamp, {NEW_YORK}, epoch: s}}", "2013-02-03T04:05:06"),
    (":date:iso", "{type: timestamptz}", "2013-02-03T09:05:06.789000Z"),
    (":date:iso", f"{{type: timestamp, {NEW_YORK}}}", "2013-02-03T04:05:06.789000"),
    (":date", "{type: timestamptz}", "2013-02-03T09:05:06.789000Z"),
    (":date:YYYY-MM-DD", "{type: date}", "2013-02-03"),
    (":date:YYYY-MM-DD", "{type: timestamp}", "2013-02-03T00:00:00"),
]


@pytest.fixture(scope="module")
def echo(serve_for_module: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A gateway with a query for each line of the table, which answers with its parameter."""
    project = tmp_path_factory.mktemp("times")
    (project / "gateway.toml").touch()
    for number, (_, declared, _) in enumerate(TAKEN):
        folder = project / "queries" / f"q{number}"
        folder.mkdir(parents=True)
        front = f"/*\nsummary: A time\nparameters:\n  at: {declared}\ncache: {{ttl: 1h}}\n*/\n"
        (folder / "v1.sql").write_text(f"{front}SELECT $at AS at\n")
    return serve_for_module(project, workers=1)


@pytest.mark.gunicorn
@pytest.mark.parametrize("number", range(len(TAKEN)), ids=lambda number: f"{TAKEN[number][0]} {TAKEN[number][1]}")
def test_a_form_of_grafana_is_taken_by_the_parameters_that_the_page_names(number: int, echo: Any) -> None:
    form, _, expected = TAKEN[number]
    sent = FORMS[form](datetime(2013, 2, 3, 9, 5, 6, 789_000, UTC))
    reply = echo.get(f"/v1/queries/q{number}/v1/result?{urlencode({'at': sent})}")
    assert (reply.status, reply.json()["data"]) == (200, [{"at": expected}])
