"""``docs/settings.md``, written from the settings models: ``make settings`` after a setting has changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from pydantic import BaseModel

from gateway.config import settings_table
from gateway.settings import Settings

MEBIBYTE = 2**20
INTRODUCTION = """\
# Settings

A deployment is configured by `gateway.toml` in the project folder, by environment variables, or by both; the
environment wins.

```toml
title = "Warehouse of the fleet"
memory = "8GiB"

[server]
port = 9000
workers = 4

[cache]
redis = "redis://cache:6379/0"
```

The same port as a variable is `GATEWAY_SERVER_PORT=9000`. An unknown or misspelt setting, in the file or in the
environment, stops the start, as does a value that is out of range; the message names the setting and what it accepts.

- Sizes are written `512MiB` or `10GiB`, durations `200ms`, `30s`, `5m`, `1h` or `7d`, yes and no `true` and `false`.
- An empty default means that the setting is off, or that the gateway works the value out, as its description says.
- `state` (`GATEWAY_STATE`, by default `.gateway` in the project) is the folder of everything that the gateway can
  rebuild: lists of files, cached results, counters.

[operating.md](operating.md) explains the settings of the server and the engine, [caching.md](caching.md) those of the
cache, [access.md](access.md) who may ask and how much.

This page is generated from the settings themselves by `make settings`.
"""


def settings_page() -> str:
    """Write the whole page."""
    return "\n".join([INTRODUCTION, *(_section(name, list(rows)) for name, rows in groupby(settings_table(), _group))])


def _group(row: tuple[str, str, str, str]) -> str:
    section, dot, _ = row[0].partition(".")
    return section if dot else ""


def _section(name: str, rows: list[tuple[str, str, str, str]]) -> str:
    return "\n".join([*_heading(name), *_table(rows)]) + "\n"


def _heading(section: str) -> Iterator[str]:
    if not section:
        yield "## Top level\n"
        return
    model = Settings.model_fields[section].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    assert model.__doc__ is not None, f"the section {section} has no docstring"
    yield f"## `[{section}]`\n"
    yield model.__doc__.partition("\n\n")[0] + "\n"


def _table(rows: list[tuple[str, str, str, str]]) -> Iterator[str]:
    yield "| setting | environment | default | |"
    yield "| --- | --- | --- | --- |"
    for name, variable, default, description in rows:
        yield f"| `{name}` | `{variable}` | {readable(default)} | {description} |"


def readable(default: str) -> str:
    """Write a default as one writes it in the file: sizes in MiB or GiB, durations in seconds."""
    if default.isdecimal() and int(default) % MEBIBYTE == 0 and int(default) > 0:
        mebibytes = int(default) // MEBIBYTE
        return f"{mebibytes // 1024}GiB" if mebibytes % 1024 == 0 else f"{mebibytes}MiB"
    if default in ("True", "False"):
        return default.lower()
    return f"{int(float(default))}s" if re.fullmatch(r"\d+\.0", default) else default


if __name__ == "__main__":
    print(settings_page(), end="")
