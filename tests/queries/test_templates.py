"""Every query of the repository's project: its examples answer like plain SQL, and read only what they must."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from gateway.telemetry.events import unobserved

ROOT = Path(__file__).parents[2]

# Partitions read of each table: flights has 365 days of three airports, weather twelve months.
READ: dict[tuple[str, int, int], dict[str, int]] = {
    ("busiest_days", 1, 0): {"flights": 1_095},
    ("busiest_days", 1, 1): {"flights": 30},
    ("delays_by_carrier", 1, 0): {"flights": 21},
    ("delays_by_carrier", 1, 1): {"flights": 93},
    ("delays_by_carrier", 2, 0): {"flights": 21, "airlines": 1},
    ("delays_by_carrier", 2, 1): {"flights": 31, "airlines": 1},
    ("destinations", 1, 0): {"flights": 7, "airports": 1},
    ("guide.departed", 1, 0): {"flights": 1_095},
    ("guide.departed", 2, 0): {"flights": 9},
    ("guide.departures", 1, 0): {"flights": 21},
    ("guide.one_plane", 1, 0): {"flights": 1_095},
    ("guide.one_plane", 2, 0): {"flights_by_plane": 1},
    ("hourly_traffic", 1, 0): {"flights": 3},
    ("hourly_traffic", 1, 1): {"flights": 1},
    ("ops.daily_summary", 1, 0): {"flights": 84},
    ("ops.delay_trend", 1, 0): {"flights": 90},
    ("plane_history", 1, 0): {"flights": 21, "planes": 1},
    ("plane_history", 1, 1): {"flights": 21, "planes": 1},
    ("rivals", 1, 0): {"flights": 21},
    ("rivals", 1, 1): {"flights": 21},
    ("weather_delay", 1, 0): {"flights": 21, "weather": 1},
    ("worst_routes", 1, 0): {"flights": 93, "airports": 1},
    ("worst_routes", 1, 1): {"flights": 93, "airports": 1},
}


def examples() -> Iterator[tuple[str, int, int, dict[str, Any]]]:
    """List the examples as their files hold them: query, version, number of the example, parameters."""
    for path in sorted((ROOT / "queries").rglob("v*.sql")):
        name = ".".join(path.parent.relative_to(ROOT / "queries").parts)
        front = yaml.safe_load(path.read_text(encoding="utf-8").removeprefix("/*").split("*/")[0])
        for number, parameters in enumerate(front["examples"]):
            yield name, int(path.stem[1:]), number, json.loads(json.dumps(parameters, default=str))


EXAMPLES = list(examples())
IDS = [f"{name}-v{version}-{number}" for name, version, number, _ in EXAMPLES]


@pytest.fixture(scope="module")
def gateway(flights_project: Path) -> Iterator[Gateway]:
    with open_gateway(load_settings(flights_project, {}), observe=unobserved, background=False) as opened:
        yield opened


def test_every_example_has_its_expectation() -> None:
    assert {(name, version, number) for name, version, number, _ in EXAMPLES} == set(READ)


@pytest.mark.parametrize(("name", "version", "number", "parameters"), EXAMPLES, ids=IDS)
def test_an_example_has_rows(
    name: str, version: int, number: int, parameters: dict[str, Any], gateway: Gateway
) -> None:
    request = Request(query=name, version=version, parameters=parameters)
    assert gateway.answer(request, principal=Principal()).result.table.num_rows > 0


@pytest.mark.parametrize(("name", "version", "number", "parameters"), EXAMPLES, ids=IDS)
def test_an_example_reads_the_partitions_it_must_and_no_other(
    name: str, version: int, number: int, parameters: dict[str, Any], gateway: Gateway
) -> None:
    request = Request(query=name, version=version, parameters=parameters)
    scans = gateway.explain(request, principal=Principal()).plan.scans
    assert {scan.table: scan.selection.partitions for scan in scans} == READ[name, version, number]
