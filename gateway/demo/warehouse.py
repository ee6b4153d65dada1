"""Build the demonstrations' warehouses, each once: a finished one is kept, one whose build was killed is built again.

A build goes on in a folder beside the final one, which takes its place by one rename at the end.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path

from gateway.catalog.table import Table
from gateway.demo import flights, tpch
from gateway.demo.made_up import made_up_table
from gateway.errors import TableInvalid
from gateway.project.loader import load_tables
from gateway.writer.base import Files, Progress
from gateway.writer.write import write

FOLDER = "demo"
"""Folder of a project that holds what the demo builds; it is not under version control."""

OnTable = Callable[[str, Progress], None]
"""Told how far the writing of the named table has come."""


def build_flights(project: Path, on_progress: OnTable, *, rebuild: bool = False) -> Path:
    """Write the flights of 2013 where the project's catalog says; return the project.

    In a folder that is not the demo's project, it is made anew in ``demo/flights`` there. Without the package of the
    real flights they are made up. Raises ``TableInvalid`` for a wrong declaration.
    """
    tables = _tables(project)
    if not _is_demo(tables):
        project = _unpacked(project / FOLDER / "flights")
        tables = _tables(project)
    final = project / FOLDER / "warehouse"
    copies = [name for name in flights.COPIES if name in tables]  # not in the catalog of an earlier release
    names = [*flights.TABLES, *copies]
    layout = "\n".join(tables[name].model_dump_json(include={"columns", "partitioned_by"}) for name in names)
    real = flights.is_installed()
    stamp = sha256((layout if real else f"made up\n{layout}").encode()).hexdigest()
    if not rebuild and _is_built(final, stamp):
        return project
    read = partial(flights.read_table, flights.find_source()) if real else made_up_table
    with _building(project / FOLDER / ".building-flights") as folder:
        for name in names:
            write(
                tables[name], read(flights.COPIES.get(name, name)), root=folder, on_progress=_named(on_progress, name)
            )
        _publish(folder / FOLDER / "warehouse", final, stamp)
    return project


def build_tpch(project: Path, scale: float, on_progress: OnTable, *, rebuild: bool = False) -> Path:
    """Make a project of TPC-H at a scale factor inside *project*; return its folder. Raises ``SourceMissing``."""
    final = project / FOLDER / f"tpch-sf{scale:g}"
    stamp = version("query-gateway")
    if not rebuild and _is_built(final, stamp):
        return final
    with _building(project / FOLDER / f".building-tpch-sf{scale:g}") as folder:
        data = tpch.generate(folder / "generated", scale)
        made = folder / "project"
        tpch.declare(made, data, scale)
        for name, table in _tables(made).items():
            write(table, Files(paths=(str(data[name]),)), root=made, on_progress=_named(on_progress, name))
        _publish(made, final, stamp)
    return final


def _is_demo(tables: Mapping[str, Table]) -> bool:
    return all(name in tables and _in_demo_folder(tables[name]) for name in flights.TABLES)


def _in_demo_folder(table: Table) -> bool:
    return table.location == f"{FOLDER}/warehouse/{table.name}"


def _unpacked(folder: Path) -> Path:
    """Copy the demo's project out of the package, unless it is there."""
    if not (folder / "gateway.toml").exists():
        with as_file(files("gateway.demo") / "project") as project:
            shutil.copytree(project / "catalog", folder / "catalog", dirs_exist_ok=True)
            shutil.copytree(project / "queries", folder / "queries", dirs_exist_ok=True)
            shutil.copyfile(project / "gateway.toml", folder / "gateway.toml")
    return folder


def _tables(project: Path) -> Mapping[str, Table]:
    tables, wrong = load_tables(project)
    if wrong:
        raise TableInvalid(wrong)
    return tables


def _named(on_progress: OnTable, name: str) -> Callable[[Progress], None]:
    return lambda progress: on_progress(name, progress)


def _is_built(folder: Path, stamp: str) -> bool:
    marker = folder / "BUILT"
    return marker.exists() and marker.read_text(encoding="utf-8") == stamp


@contextmanager
def _building(folder: Path) -> Iterator[Path]:
    """Lend an empty folder, gone at the end; what a killed build left there goes first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(built: Path, final: Path, stamp: str) -> None:
    (built / "BUILT").write_text(stamp, encoding="utf-8")
    if final.exists():
        shutil.rmtree(final)
    os.replace(built, final)
