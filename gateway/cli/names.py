"""Names of a project, which a shell completes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from gateway.project.loader import load_project, load_tables
from gateway.query.template import Template

Versions = Mapping[str, Mapping[int, Template]]
_WITH_VERSION = re.compile(r"(.+)/v([1-9][0-9]{0,8})")


class QueryName(click.ParamType[str]):
    """The name of a query; ``versions`` says that ``name/v2`` is accepted too."""

    name = "query"

    def __init__(self, *, versions: bool = False) -> None:
        self._versions = versions

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """List the queries of the project, each with its summary."""
        queries = _queries(ctx)
        found = [CompletionItem(name, help=of[max(of)].front.summary) for name, of in queries.items()]
        if self._versions and "/" in incomplete:
            found = [CompletionItem(f"{name}/v{number}") for name, of in queries.items() for number in of]
        return _beginning(found, incomplete)


class VersionNumber(click.IntRange):
    """The number of a version of the query that stands before it."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """List the versions, those of one query where it is named."""
        queries = _queries(ctx)
        numbers = {number for name, of in queries.items() if name in _asked(ctx, queries) for number in of}
        return _beginning((CompletionItem(str(number)) for number in sorted(numbers)), incomplete)


class ParameterValue(click.ParamType[str]):
    """A parameter of a query as ``name=value``."""

    name = "name=value"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """List the parameters of the query that stands before it, each with an equals sign."""
        return _beginning(_parameters(ctx), incomplete)


class TableName(click.ParamType[str]):
    """The name of a declared table."""

    name = "table"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """List the tables of the project, each with its description."""
        tables, _ = load_tables(_project(ctx))
        found = (CompletionItem(name, help=_line(each.description)) for name, each in tables.items())
        return _beginning(found, incomplete)


class DatasetName(click.ParamType[str]):
    """The name of a dataset: a table that is built by a query."""

    name = "dataset"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """List the datasets of the project, each with its description."""
        tables, _ = load_tables(_project(ctx))
        datasets = ((name, each) for name, each in tables.items() if each.query is not None)
        return _beginning((CompletionItem(name, help=_line(each.description)) for name, each in datasets), incomplete)


def _parameters(ctx: click.Context) -> Iterator[CompletionItem]:
    queries = _queries(ctx)
    for name in _asked(ctx, queries):
        versions = queries[name]
        template = versions[_version(ctx, versions)]
        for parameter, declared in template.parameters.items():
            yield CompletionItem(f"{parameter}=", help=_line(f"{declared.type} {declared.description}"))


def split_version(text: str) -> tuple[str, int | None]:
    """Return the name of a query and the version that follows it, None where none does.

    >>> split_version("sales.by_day/v2"), split_version("sales.by_day")
    (('sales.by_day', 2), ('sales.by_day', None))
    """
    found = _WITH_VERSION.fullmatch(text)
    return (found[1], int(found[2])) if found is not None else (text, None)


def _version(ctx: click.Context, versions: Mapping[int, Template]) -> int:
    given: Any = ctx.params.get("version") or _named(ctx)[1]
    return given if given in versions else max(versions)


def _asked(ctx: click.Context, queries: Versions) -> list[str]:
    """Return the query that the command line names already; all, where it names none."""
    name, _ = _named(ctx)
    return [name] if name in queries else sorted(queries)


def _named(ctx: click.Context) -> tuple[str, int | None]:
    """Return the query and the version that the command line names already.

    Where it ends with an option that lacks its value, click leaves the arguments unread.
    """
    return split_version(ctx.params.get("name") or next(iter(ctx.args), ""))


def _queries(ctx: click.Context) -> Versions:
    return load_project(_project(ctx)).registry.queries()


def _project(ctx: click.Context) -> Path:
    return Path(ctx.params.get("project") or ".")


def _line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _beginning(found: Iterable[CompletionItem], incomplete: str) -> list[CompletionItem]:
    return [item for item in found if str(item.value).startswith(incomplete)]
