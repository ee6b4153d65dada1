"""A new project: its folders, one table with a few rows, one query with its tests."""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path

from gateway.project.loader import load_tables
from gateway.writer import Files, write

_TABLE = "orders"


def start_project(folder: Path) -> None:
    """Write a project that can be served into *folder*, which must have no part of one."""
    with as_file(files("gateway.authoring") / "starter") as starter:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("catalog", "queries"):
            shutil.copytree(starter / name, folder / name)
        shutil.copyfile(starter / "gateway.toml", folder / "gateway.toml")
        if not (folder / ".gitignore").exists():
            shutil.copyfile(starter / "gitignore", folder / ".gitignore")
        tables, _ = load_tables(folder)
        write(tables[_TABLE], Files(paths=(str(starter / f"{_TABLE}.csv"),)), root=folder)
