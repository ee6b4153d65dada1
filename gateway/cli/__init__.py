"""The command line: one command a file, assembled here.

Exit codes: 0 done; 1 the project's files are wrong; 2 the command was not understood; 3 the question was wrong (an
unknown query, bad parameters, a scan over its limit); 4 a dependency failed or the gateway is busy, so trying again
may help.
"""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.console import Console

from gateway.cli.cache import command as cache
from gateway.cli.check import command as check
from gateway.cli.demo import command as demo
from gateway.cli.dev import command as dev
from gateway.cli.diagnostics import print_diagnostics
from gateway.cli.explain import command as explain
from gateway.cli.keys import command as keys
from gateway.cli.new import command as new
from gateway.cli.queries import command as queries
from gateway.cli.run import command as run
from gateway.cli.serve import command as serve
from gateway.cli.tables import command as tables
from gateway.cli.test import command as test
from gateway.cli.usage import command as usage
from gateway.cli.warm import command as warm
from gateway.cli.write import command as write
from gateway.errors import DefinitionError, GatewayError, RequestError

_EPILOG = (
    "Exit codes: 0 done, 1 the project's files are wrong, 2 the command was not understood, "
    "3 the question was wrong, 4 a dependency failed: try again."
)


class _Group(click.Group):
    """Turn the gateway's own errors into a message and an exit code."""

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


_AUTHORS = (new, dev, check, test, run, explain, queries, tables, write, usage)
_OPERATORS = (serve, demo, cache, warm, keys)

for each in (*_AUTHORS, *_OPERATORS):
    main.add_command(each)


def _print_error(error: GatewayError) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]{error.title}[/]: ", end="")
    console.print(error.detail, markup=False)
    for item in error.members.get("errors", ()):
        console.print(f"  {item['parameter']}: {item['detail']}", markup=False)
    for name in ("suggestions", "available"):
        values = error.members.get(name)
        if values:
            console.print(f"  {name}: {', '.join(str(value) for value in values)}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
