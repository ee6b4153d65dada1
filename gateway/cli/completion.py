"""``gateway completion``: what a shell needs to complete commands and the names of a project."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
_REPLY = "COMPREPLY+=($value)"
_WITHOUT_SPACE = f"{_REPLY}; [[ $value == *= ]] && compopt -o nospace"
"""In bash: no space after ``name=``, for the value follows."""
_VARIABLE = "_GATEWAY_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the script that completes commands, queries, versions, parameters and tables in SHELL.

    bash, zsh: eval "$(gateway completion bash)"; fish: gateway completion fish | source
    """
    root = click.get_current_context().find_root()
    kind = get_completion_class(shell)
    assert kind is not None, "click knows every shell of SHELLS"
    click.echo(kind(root.command, {}, "gateway", _VARIABLE).source().replace(_REPLY, _WITHOUT_SPACE))
