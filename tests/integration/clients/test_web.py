"""Clients of the web: fetch of Node, and a typed client compiled against what openapi-typescript makes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from npm import Npm
from readings import EXPORTED, rows

pytestmark = pytest.mark.gunicorn

SOURCES = Path(__file__).parent / "web"


def test_fetch_of_node_reads_every_format(npm: Npm, address: Any) -> None:
    told = json.loads(npm.node(str(SOURCES / "fetch.mjs"), address.base))
    assert told == {
        "ids": [str(row["id"]) for row in rows()],
        "stations": [row["station"] for row in rows()],
        "csv": ["text/csv", 1 + len(rows()) + 1],
        "magic": "PAR1PAR1",
        "again": [304, 0],
        "head": True,
        "accepted": "text/csv",
        "chosen": [row["station"] for row in rows() if row["station"] in ("東京 🗼", "=1+1")],
        "posted": sum(row["taken"].day == 1 for row in rows()),
        "refused": [422, "start"],
        "streamed": EXPORTED,
    }


def test_a_typed_client_compiles_and_has_the_rows(npm: Npm, gateway: Any, address: Any) -> None:
    shutil.copytree(SOURCES, npm.folder, dirs_exist_ok=True)
    (npm.folder / "openapi.json").write_bytes(gateway.get("/openapi.json").body)
    npm.run("openapi-typescript/bin/cli.js", "openapi.json", "-o", "api.d.ts")
    npm.compile("client.ts")
    chosen = [row for row in rows() if row["station"] in ("007", "x")]
    assert json.loads(npm.node("client.js", address.base)) == {
        "rows": len(chosen),
        "ids": [str(row["id"]) for row in chosen],
        "prices": [None if row["price"] is None else str(row["price"]) for row in chosen],
        "posted": len(chosen),
        "lines": 1 + len(chosen),
        "wrong": ["start"],
        "statuses": [422, 404],
    }
