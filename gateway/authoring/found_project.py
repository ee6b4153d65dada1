"""Writes a project over the tables that were found at a location."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from getpass import getuser
from pathlib import Path, PurePosixPath

import orjson
from pydantic import TypeAdapter, ValidationError

from gateway.authoring.first_query import first_query
from gateway.authoring.refit import refit
from gateway.catalog.manifest import build
from gateway.catalog.store import S3Settings, root_of
from gateway.catalog.table import Location, Table, parse_table
from gateway.declaration import DeclarationError
from gateway.discovery.declaration_text import declaration_text
from gateway.discovery.found import Discovery, FoundTable, Omission
from gateway.errors import TableInvalid
from gateway.model import Column

IGNORED = """# What the gateway can rebuild, and what is secret.
.gateway/
keys.json
.keys.json.lock
"""
_LOCATION: TypeAdapter[str] = TypeAdapter(Location)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The tables that a project has already, each with the path of its file in it."""

    tables: Mapping[str, Table]
    sources: Mapping[str, str]
    queries: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """Return the names that a new table cannot have, for itself or for its query."""
        return frozenset(self.tables) | frozenset(Path(path).stem for path in self.sources.values()) | self.queries


NOTHING = Declared(tables={}, sources={})


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFiles:
    """The files of a project over what was found: of each table that is taken, and of the project as a whole."""

    tables: Mapping[str, Mapping[str, str]]
    """Texts by their paths in the project, by the name of the table."""
    around: Mapping[str, str]
    omitted: tuple[Omission, ...]
    remarks: tuple[str, ...]
    differences: tuple[str, ...] = ()
    """How declarations that are there would have to change."""

    @property
    def all(self) -> dict[str, str]:
        """Return every file."""
        return {**self.around, **{path: text for files in self.tables.values() for path, text in files.items()}}

    def without(self, name: str, omission: Omission) -> FoundFiles:
        """Leave out a table."""
        tables = {key: files for key, files in self.tables.items() if key != name}
        around = {path: text.replace(_row(name), "") for path, text in self.around.items()}
        return replace(self, tables=tables, around=around, omitted=(*self.omitted, omission))


def found_files(
    found: Discovery, project: Path, storage: S3Settings, declared_before: Declared = NOTHING
) -> FoundFiles:
    """Write the files of a project in the folder *project* over what was *found*.

    Tables that were declared before are compared with their files, and get none.
    """
    tables: dict[str, Mapping[str, str]] = {}
    omitted, remarks, differences = list(found.omitted), [], []
    for table in found.tables:
        try:
            location = spelled_location(found.location, table.folder.path, project)
            before = _before(location, project, declared_before)
            if before is not None:
                difference = _difference(before, location, table, project, declared_before)
                differences += [difference] if difference is not None else []
                continue
            text = declaration_text(table, location)
            declared = parse_table(text, f"catalog/{table.name}.yaml")
            remarks += [f"{table.name}: {remark}" for remark in (*table.remarks, *_problems(table, declared))]
        except (NoLocation, DeclarationError, TableInvalid) as error:
            omitted.append(Omission(folder=table.folder.path, reason=_words(error)))
            continue
        query = first_query(declared, table.folder.texts, _owner())
        folder = f"queries/{table.name}"
        tables[table.name] = {
            f"catalog/{table.name}.yaml": text,
            f"{folder}/v1.sql": query.template,
            f"{folder}/v1.test.yaml": query.tests,
        }
    around = {"gateway.toml": _settings(storage), ".gitignore": IGNORED, "README.md": _readme(found, tables)}
    around = {path: text for path, text in around.items() if not (project / path).exists()}
    return FoundFiles(
        tables=tables,
        around=around,
        omitted=tuple(omitted),
        remarks=tuple(remarks),
        differences=tuple(differences),
    )


def _before(location: str, project: Path, declared: Declared) -> Table | None:
    """Return the table that has the files of a location already, or some of them, or more."""
    root = root_of(location, project)
    for table in declared.tables.values():
        own = root_of(table.location, project)
        if root.startswith(own) or own.startswith(root):
            return table
    return None


def _difference(before: Table, location: str, table: FoundTable, project: Path, declared: Declared) -> str | None:
    path = declared.sources[before.name]
    if root_of(location, project) != root_of(before.location, project):
        return f"{path}: its location {before.location} overlaps {location}, of a table that was found"
    return refit(path, (project / path).read_text(encoding="utf-8"), before, table)


class NoLocation(Exception):
    """A folder has a name that no location can have."""


def spelled_location(location: str, folder: str, project: Path) -> str:
    """Spell the location of a table as a declaration has it. Raises ``NoLocation``.

    A folder below the project is relative to it.
    """
    if any(character in folder for character in "*?["):
        raise NoLocation(f"the engine takes '*', '?' and '[' in {folder!r} for wildcards: rename the folder")
    if "://" in location and not location.startswith("file://"):
        candidates = ["/".join([location.rstrip("/"), *([folder] if folder else [])])]
        meant = candidates[0] + "/"
    else:
        path = Path(root_of(location, Path.cwd())) / folder
        meant = f"{path}/"
        home = project.resolve()
        inside = [path.relative_to(home).as_posix()] if path != home and path.is_relative_to(home) else []
        candidates = [*inside, str(path), path.as_uri()]
    for candidate in candidates:
        try:
            if root_of(_LOCATION.validate_python(candidate), project) == meant:
                return candidate
        except ValidationError:
            continue
    raise NoLocation(f"no location can be written for the folder {folder!r}: rename it")


def _words(error: NoLocation | DeclarationError | TableInvalid) -> str:
    return str(error) if isinstance(error, NoLocation) else error.diagnostics[0].message


def _problems(table: FoundTable, declared: Table) -> Iterator[str]:
    """Say which files ``gateway check --data`` will find to break the declaration. Raises ``TableInvalid``."""
    columns = [Column(name=name, type=type_) for name, type_ in (declared.columns or {}).items()]
    snapshot = build(declared, "", table.folder.files, columns, 0.0)
    if snapshot.problems:
        more = f", and {snapshot.problem_count - 1} more files" if snapshot.problem_count > 1 else ""
        yield f"{snapshot.problems[0]}{more}: gateway check --data tells them all"


def _owner() -> str:
    try:
        return getuser()
    except (OSError, KeyError):  # a container may run as a user that has no name
        return "nobody"


def _settings(storage: S3Settings) -> str:
    """Write the settings: those of the object store that are not secret, as they were when it was listed."""
    lines = [
        "# Every setting has a default; `gateway serve` refuses one that it does not know.",
        'title = "Query Gateway"',
        "",
        "[server]",
        "port = 8080",
        "workers = 2",
    ]
    given = {"endpoint": storage.endpoint, "region": storage.region, "url_style": storage.url_style}
    defaults = S3Settings()
    set_here = {name: value for name, value in given.items() if value not in (None, getattr(defaults, name))}
    if set_here:
        lines += ["", "[storage]", *(f"{name} = {orjson.dumps(value).decode()}" for name, value in set_here.items())]
    return "\n".join(lines) + "\n"


def _row(name: str) -> str:
    return f"- `{name}`: `catalog/{name}.yaml`, and a first query in `queries/{name}/`\n"


def _readme(found: Discovery, tables: Mapping[str, object]) -> str:
    rows = "".join(_row(name) for name in tables)
    parts = [
        f"# Queries over {PurePosixPath(found.location).name or found.location}",
        f"The tables that `gateway init` found at `{found.location}`:",
        rows.rstrip("\n"),
        "Read each declaration: say what a row is, and what its columns mean. A level that stands as `enforced: false` "
        "is guessed from some of the files. `gateway check --data --fix` looks at all of them and writes down what "
        "holds; filters on the source column prune from then on.",
        "```sh\n"
        "gateway check --data --fix   # every mistake, in the files of the tables too\n"
        "gateway test                 # the tests beside the queries\n"
        "gateway serve                # http://127.0.0.1:8080/docs\n"
        "gateway new NAME             # your next query\n"
        "```",
    ]
    return "\n\n".join(parts) + "\n"


def table_around(found: Discovery, project: Path) -> str | None:
    """Return the name of a table that has the folder of the project among its files; None where there is none."""
    if "://" in found.location:
        return None
    home = project.resolve()
    around = (table.name for table in found.tables if home.is_relative_to(Path(found.location, table.folder.path)))
    return next(around, None)
