"""What a window that slides asks an S3 store for: the file of its new day."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fault_proxy import Asked, FaultProxy
from folded import DAYS, FOLDED, between, folder_of, make_project, put

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.model import Folded, Principal, Request
from gateway.telemetry.events import unobserved

pytestmark = pytest.mark.s3


def test_a_window_that_slides_reads_one_file(
    s3: Any, free_ports: Callable[[int], list[int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(make_project(tmp_path / "here"), range(DAYS))
    location = s3.upload(tmp_path / "here/warehouse/sales", "folds/sales")
    project, asked = make_project(tmp_path / "there", location=location), list[Asked]()
    [port] = free_ports(1)
    with FaultProxy(server=s3.endpoint, port=port, program=lambda one: asked.append(one)) as proxy:
        for name, value in {**s3.environment, "AWS_ENDPOINT_URL": proxy.endpoint}.items():
            monkeypatch.setenv(name, value)
        settings = load_settings(project, {**os.environ, **FOLDED, "GATEWAY_STORAGE_URL_STYLE": "path"})
        with open_gateway(settings, observe=unobserved, background=False) as gateway:

            def ask(start: int) -> Folded | None:
                request = Request(query="exact", version=1, parameters=between(start, start + 30))
                return gateway.answer(request, principal=Principal()).result.folded

            assert ask(0) == Folded(kept=0, computed=30)
            asked.clear()
            assert ask(1) == Folded(kept=29, computed=1)
    assert {folder_of(30) in one.path for one in asked if one.kind in ("GET", "HEAD")} == {True}
    assert len(asked) <= 4
