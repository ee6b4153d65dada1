"""Reads the settings of a running gateway: one frozen record, read once from ``gateway.toml`` and the environment.

A setting ``port`` of the section ``[server]`` is overridden by ``GATEWAY_SERVER_PORT``. An unknown or misspelt
setting, in the file or in the environment, stops the start.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import (
    BaseModel,
    ValidationError,
)

from gateway.declaration import DeclarationError, plain_words, utf8_text
from gateway.errors import Diagnostic, Rule, SettingsInvalid
from gateway.settings import Settings
from gateway.suggestions import did_you_mean, near, nearest, suggested
from gateway.toml_document import TomlMistake, parse_toml
from gateway.web.origins import ANYBODY

FILE_NAME = "gateway.toml"
PREFIX = "GATEWAY_"
KEY: Final = f"{PREFIX}KEY"
"""Where clients, among them ``gateway top`` and the code on the pages of queries, find the key that they show."""


def load_settings(project: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings of the project folder. Raises ``SettingsInvalid`` with every error at once."""
    path = project / FILE_NAME
    text = _text(path)
    try:
        document = parse_toml(text)
    except TomlMistake as error:
        found = Diagnostic(path=FILE_NAME, line=error.line, column=error.column, message=error.message, hint=error.hint)
        raise SettingsInvalid([replace(found, rule=Rule.SETTINGS)]) from error
    wrong = list(_unknown_variables(environment))
    state = document.pop("state", None)
    values: dict[str, Any] = {"project": project, "state": project / (state or ".gateway"), **document}
    origins = dict(_override(values, environment))
    _aws_defaults(values, environment)
    try:
        settings = Settings.model_validate(values)
        wrong += _contradictions(settings, text, origins)
    except ValidationError as error:
        errors = error.errors()
        wrong += [*_outside(errors, text), *(_explain(each, text, origins) for each in errors if not _is_outside(each))]
    if wrong:
        raise SettingsInvalid(replace(item, rule=Rule.SETTINGS) for item in wrong)
    return settings


def _text(path: Path) -> str:
    """Read the file of settings; where there is none, nothing is set. Raises ``SettingsInvalid``."""
    try:
        return utf8_text(path.read_bytes(), FILE_NAME)
    except FileNotFoundError:
        return ""
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise SettingsInvalid([Diagnostic(path=FILE_NAME, message=message, rule=Rule.SETTINGS)]) from error
    except DeclarationError as error:
        raise SettingsInvalid(replace(item, rule=Rule.SETTINGS) for item in error.diagnostics) from error


def settings_table() -> Iterator[tuple[str, str, str, str]]:
    """List every setting as (name in the file, environment variable, default, description)."""
    for section, info in Settings.model_fields.items():
        model = info.annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            if info.description:
                default = "" if info.default is None else str(info.default)
                yield section, f"{PREFIX}{section.upper()}", default, info.description
            continue
        for name, field in model.model_fields.items():
            default = "" if field.default in (None, ()) else str(field.default)
            yield f"{section}.{name}", _variable(section, name), default, field.description or ""


def _variable(section: str, name: str) -> str:
    return f"{PREFIX}{section}_{name}".upper()


def _names() -> dict[str, tuple[str, ...]]:
    """Map each environment variable to the place of its setting."""
    return {variable: tuple(name.split(".")) for name, variable, _, _ in settings_table()} | {
        f"{PREFIX}STATE": ("state",)
    }


def _unknown_variables(environment: Mapping[str, str]) -> Iterator[Diagnostic]:
    known = [*_names(), f"{PREFIX}PROJECT"]
    for variable in environment:
        if variable.startswith(PREFIX) and variable not in (*known, KEY):
            hint = _meant_variable(variable, known)
            yield Diagnostic(path="environment", message=f"unknown setting {variable}", hint=hint)


def _meant_variable(variable: str, known: Sequence[str]) -> str | None:
    """Suggest a variable for a misspelt one, or for one that lacks its section."""
    settings = [each for name in nearest(variable.removeprefix(PREFIX), _below_sections()) for each in _inside(name)]
    without_section = [_variable(*each.split(".")) for each in settings]
    return suggested(nearest(variable, known) or without_section) or did_you_mean(variable, known)


def _override(values: dict[str, Any], environment: Mapping[str, str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Put the environment's settings over the file's; yield which variable each came from."""
    for variable, place in _names().items():
        if variable not in environment:
            continue
        target = values
        for section in place[:-1]:
            if not isinstance(target.get(section, {}), dict):
                break
            target = target.setdefault(section, {})
        target[place[-1]] = environment[variable] if place != ("state",) else Path(environment[variable])
        yield place, variable


def _aws_defaults(values: dict[str, Any], environment: Mapping[str, str]) -> None:
    storage = values.setdefault("storage", {})
    if not isinstance(storage, dict):
        return
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    for name, value in (("endpoint", endpoint), ("region", region)):
        if value:
            storage.setdefault(name, value)


def _explain(item: Any, text: str, origins: Mapping[tuple[str, ...], str]) -> Diagnostic:
    place = tuple(str(step) for step in item["loc"])
    if item["type"] == "extra_forbidden":
        message, hint = f"unknown setting {'.'.join(place)}", _meant(place)
    else:
        words = (
            "is a section: write its settings below [section]" if item["type"] == "model_type" else plain_words(item)
        )
        message, hint = f"{'.'.join(place)}: {words}", None
    return replace(_at(place, text, origins), message=message, hint=hint)


def _contradictions(settings: Settings, text: str, origins: Mapping[tuple[str, ...], str]) -> Iterator[Diagnostic]:
    """Tell what settings must not say together."""
    if settings.access.required and ANYBODY in settings.server.cors:
        message = "server.cors: '*' allows the pages of everybody, and access.required asks callers for keys"
        hint = 'list the origins: cors = ["https://dash.example"]'
        yield replace(_at(("server", "cors"), text, origins), message=message, hint=hint)
    cluster = settings.cluster
    if cluster.spark_spool is not None and cluster.spark is None:
        message = "cluster.spark_spool: there is no Spark that would write there, for cluster.spark is not set"
        yield replace(_at(("cluster", "spark_spool"), text, origins), message=message)
    missing = [name for name in ("ca", "certificate", "key") if getattr(cluster, name) is None]
    if cluster.dask is not None and cluster.dask.startswith("tls://") and missing:
        message = f"cluster.dask: tls:// needs certificates, and {', '.join(f'cluster.{each}' for each in missing)} "
        message += "is not set" if len(missing) == 1 else "are not set"
        hint = "dask has a page on them: docs/scale.md"
        yield replace(_at(("cluster", "dask"), text, origins), message=message, hint=hint)


def _at(place: tuple[str, ...], text: str, origins: Mapping[tuple[str, ...], str]) -> Diagnostic:
    """Make a diagnostic without a message at the place where a setting is written."""
    if place in origins:
        return Diagnostic(path=f"environment {origins[place]}", message="")
    return Diagnostic(path=FILE_NAME, line=_line_of(place, text), message="")


def _is_outside(item: Any) -> bool:
    """Return whether a setting of a section stands outside of every section."""
    return item["type"] == "extra_forbidden" and len(item["loc"]) == 1 and bool(_inside(str(item["loc"][0])))


def _inside(name: str) -> list[str]:
    """List the settings of sections that have a name."""
    return [each for each, *_ in settings_table() if "." in each and each.rpartition(".")[2] == name]


def _below_sections() -> list[str]:
    """List the names of settings without their sections, each once."""
    return sorted({name.rpartition(".")[2] for name, *_ in settings_table() if "." in name})


def _outside(errors: Sequence[Any], text: str) -> Iterator[Diagnostic]:
    """Report all settings that stand outside of their section at once: the line of the section may be missing."""
    names = [str(item["loc"][0]) for item in errors if _is_outside(item)]
    if names:
        sections = [{each.partition(".")[0] for each in _inside(name)} for name in names]
        meant = sorted(set.intersection(*sections) or set.union(*sections))
        message = f"unknown setting{'s' * (len(names) > 1)} {', '.join(names)}"
        below = " or ".join(f"[{section}]" for section in meant)
        hint = f"did you mean {', '.join(map(repr, _inside(names[0])))}? Write it below {below}"
        yield Diagnostic(path=FILE_NAME, line=_line_of((names[0],), text), message=message, hint=hint)


def _meant(place: tuple[str, ...]) -> str | None:
    """Suggest a setting for a misspelt one, or the section of one that stands outside of it."""
    settings = [name for name, *_ in settings_table()] + ["state"]
    if len(place) > 1:
        section = {name.rpartition(".")[2]: name for name in settings if name.startswith(f"{place[0]}.")}
        meant = [section[each] for each in near(place[-1], section)]
        accepted = f"settings of {place[0]}: {', '.join(section)}" if section else None
        return suggested(meant) or accepted
    sections = {name.partition(".")[0] for name in settings}
    if hint := did_you_mean(place[0], sorted(sections)):
        return hint
    inside = [each for name in near(place[0], _below_sections()) for each in _inside(name)]
    return f"did you mean {' or '.join(map(repr, inside))}, below its [section]?" if inside else None


def _line_of(place: tuple[str, ...], text: str) -> int | None:
    """Find the line of a setting: its key below the header of its section."""
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\s*([\w.]+)\s*\]", line)
        section = header[1] if header else section
        key = re.match(r"\s*([\w.]+)\s*=", line)
        if (key and (section, key[1]) == (".".join(place[:-1]), place[-1])) or (header and (section,) == place):
            return number
    return None
