"""The tests beside the repository's own templates pass without any data."""

from __future__ import annotations

from pathlib import Path

from gateway.authoring.testfile import load_tests
from gateway.authoring.testing import Bench
from gateway.config import load_settings
from gateway.project.loader import load_project

ROOT = Path(__file__).parents[2]


def test_every_test_beside_a_template_passes() -> None:
    settings = load_settings(ROOT, {})
    project = load_project(ROOT)
    files, mistakes = load_tests(ROOT, project.registry)
    outcomes = list(Bench(settings=settings, tables=project.tables, data=False).run(files))
    assert mistakes == ()
    assert [(item.title, item.failures, item.skipped) for item in outcomes if item.failures or item.skipped] == []
    assert len(files) >= 3
