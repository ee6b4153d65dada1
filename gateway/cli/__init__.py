"""The command line: one command a file, loaded when it is called, so that a quick command starts quickly.

Exit codes: 0 done; 1 the project's files are wrong; 2 the command was not understood; 3 the question was wrong (an
unknown query, bad parameters, a scan over its limit); 4 a dependency failed or the gateway is busy, so trying again
may help.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

import click
from rich.console import Console

from gateway.cli.diagnostics import print_diagnostics
from gateway.concurrency.process_end import leaving
from gateway.errors import DefinitionError, GatewayError, RequestError, StorageFailed, ValueMisfit
from gateway.suggestions import did_you_mean

_EPILOG = (
    "Exit codes: 0 done, 1 the project's files are wrong, 2 the command was not understood, "
    "3 the question was wrong, 4 a dependency failed: try again."
)


_AUTHORS = (
    *("init", "new", "dev", "check", "test", "run", "explain", "queries", "tables", "write", "build"),
    *("export", "datasets", "usage", "schema"),
)
_OPERATORS = ("serve", "builder", "demo", "top", "cache", "warm", "apart", "keys", "completion")


class _Group(click.Group):
    """Load commands by name; turn the gateway's own errors into a message and an exit code."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Run a command: the one of *args*, or else that of the process, which ends after it."""
        if args is not None:
            return super().main(args, *rest, **extra)
        with leaving():
            return super().main(None, *rest, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_AUTHORS, *_OPERATORS]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command by its name, or say which is meant: click suggests only commands that are loaded."""
        known = self.list_commands(ctx)
        if args[0] not in known and not ctx.resilient_parsing and not args[0].startswith("-"):
            hint = did_you_mean(args[0], known) or f"There are: {', '.join(known)}."
            raise click.UsageError(f"No such command {args[0]!r}: {hint}", ctx)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = _loaded(f"gateway.cli.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DefinitionError as error:
            print_diagnostics(error.diagnostics)
            ctx.exit(1)
        except GatewayError as error:
            _print_error(error)
            ctx.exit(3 if isinstance(error, RequestError) else 4)


@click.group(cls=_Group, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="query-gateway", prog_name="gateway")
def main() -> None:
    """Serve named, versioned SQL queries over Hive-partitioned Parquet: pruned, cached, explained."""


def _loaded(name: str) -> ModuleType:
    """Import a module; the first time without looking for garbage, since what modules make stays.

    Searching it again and again is a fifth of the start, and in a process that is forked later it copies the pages.
    """
    if name in sys.modules or not gc.isenabled():
        return import_module(name)
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()
        gc.enable()


def _print_error(error: GatewayError) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]{error.title}[/]: ", end="")
    console.print(error.detail, markup=False)
    if isinstance(error, StorageFailed | ValueMisfit) and error.path is not None:
        console.print(f"  {error.path}", markup=False)
    for item in error.members.get("errors", ()):
        console.print(f"  {item['parameter']}: {item['detail']}", markup=False)
    for name in ("suggestions", "available"):
        values = error.members.get(name)
        if values:
            console.print(f"  {name}: {', '.join(str(value) for value in values)}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
