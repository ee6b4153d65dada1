"""The settings of a running gateway: one frozen record, read once from ``gateway.toml`` and the environment.

A setting ``port`` of the section ``[server]`` is overridden by ``GATEWAY_SERVER_PORT``. An unknown or misspelt
setting, in the file or in the environment, stops the start.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from gateway.access.settings import AccessSettings, LimitSettings
from gateway.catalog.store import S3Settings
from gateway.declaration import DeclarationError, Duration, Size, utf8_text
from gateway.errors import Diagnostic, Rule, SettingsInvalid, did_you_mean

FILE_NAME = "gateway.toml"
PREFIX = "GATEWAY_"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerSettings(_Section):
    """How the HTTP server listens."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(2, ge=1, le=256, description="Worker processes.")
    worker: Literal["asgi", "gthread"] = Field(
        "asgi", description="Kind of worker: an event loop in front of the threads, or threads alone."
    )
    threads: int = Field(32, ge=1, le=1024, description="Request threads of a worker.")
    drain: Duration = Field(
        2.0, description="How long a server that got SIGTERM still takes requests, while /readyz says that it stops."
    )
    grace: Duration = Field(30.0, description="How long requests in flight may take to end after that.")
    receive_timeout: Duration = Field(
        30.0, description="How long the header fields of a request may take to arrive, and how long its body."
    )
    send_timeout: Duration = Field(
        30.0,
        description="How long a client may take less than 1,000 bytes a second of its answer before it is cut off.",
    )


class EngineSettings(_Section):
    """How DuckDB runs in each worker."""

    memory: Size | None = Field(
        None, ge=8 * 2**20, description="Memory that DuckDB may use in one worker; by default a part of `memory`."
    )
    threads: int | None = Field(
        None, ge=1, le=1024, description="DuckDB threads of a worker; by default the cores, and more over S3."
    )
    slots: int | None = Field(
        None,
        ge=1,
        le=256,
        description="Queries that run at the same time in one worker; by default what cores and memory allow.",
    )
    queue: int = Field(64, ge=0, le=100_000, description="Queries that may wait for a slot in one worker.")
    wait: Duration = Field(10.0, description="How long a query may wait for a slot.")
    cheap: Size = Field(
        64 * 2**20,
        description="Planned bytes up to which a query is a cheap one: one slot of two or more is for these only.",
    )
    spill: Size = Field(10 * 2**30, description="Disk space that DuckDB may use for temporary files.")
    timeout: Duration = Field(
        60.0, description="How long a query may take, waiting included, unless its template says less."
    )
    export_timeout: Duration = Field(
        3600.0, description="How long a result may take that is sent while it is computed."
    )


class CacheSettings(_Section):
    """Where results are kept."""

    memory: Size | None = Field(
        None, description="Results kept in the memory of one worker; by default a part of `memory`."
    )
    share: float = Field(0.5, gt=0, le=1, description="Part of that memory that the answers of one query may take.")
    disk: Size = Field(4 * 2**30, description="Results kept on disk, shared by the workers of a machine.")
    redis: str | None = Field(None, description="Redis that hosts share results by, e.g. redis://cache:6379/0.")
    redis_secret: SecretStr | None = Field(
        None,
        min_length=16,
        description="Secret of the hosts that share that Redis: then it can only hold values that one of them wrote; "
        "best left to the environment.",
    )
    namespace: str = Field(
        "",
        pattern=r"^[A-Za-z0-9_.-]{0,64}$",
        description="Name of the deployment, where several that must not share results use one Redis or state folder.",
    )
    redis_value: Size = Field(16 * 2**20, description="Size of the largest compressed result kept in Redis.")
    max_stale: Duration = Field(86_400.0, description="How long after its ttl an answer may be served at most.")
    max_result: Size | None = Field(
        None,
        description="Size of the largest result that is kept, a larger one is sent while it is computed; by default "
        "64MiB, or what `memory` allows.",
    )
    client_control: bool = Field(
        True,
        description="Whether Cache-Control of a request is honoured (no-cache, max-age, only-if-cached, no-store).",
    )
    warm: bool = Field(True, description="Whether answers are prepared ahead where templates ask for it.")

    @field_validator("redis")
    @classmethod
    def _redis_address(cls, value: str | None) -> str | None:
        if value is not None:
            _check_redis_address(value)
        return value


class LogSettings(_Section):
    """What is written down beside the line of each request."""

    audit: str = Field(
        "stdout", description="Where the line of each answered question goes: `stdout`, `off`, or a file's path."
    )
    audit_parameters: Literal["values", "digest"] = Field(
        "values", description="How it tells the parameters: their `values`, or a `digest` of them."
    )
    slow: Duration = Field(
        10.0, description="How long a query takes before it leaves a line with its plan; `0` turns that off."
    )
    engine_plan: bool = Field(False, description="Whether that line has the engine's own plan too.")


class Settings(_Section):
    """All a deployment may set. ``project`` holds ``catalog/`` and ``queries/``; ``state`` what may be rebuilt."""

    project: Path
    state: Path
    memory: Size | None = Field(
        None,
        description="Memory of the whole server; by default 85% of its control group's, or half of the machine's.",
    )
    title: str = Field("Query Gateway", description="Name shown on pages and in the OpenAPI document.")
    server: ServerSettings = ServerSettings()
    engine: EngineSettings = EngineSettings()
    storage: S3Settings = S3Settings()
    cache: CacheSettings = CacheSettings()
    access: AccessSettings = AccessSettings()
    limits: LimitSettings = LimitSettings()
    log: LogSettings = LogSettings()


def _check_redis_address(address: str) -> None:
    """Raise ``ValueError`` for what is no address of a Redis, without repeating it: it may hold a password."""
    example = "write redis://host:6379/0, rediss://host:6379/0 or unix:///path/of/socket"
    parts = urlsplit(address)
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ValueError(f"not the address of a Redis: {example}")
    if parts.scheme == "unix":
        if not parts.path.startswith("/") or parts.path == "/":
            raise ValueError(f"the path of the socket is missing: {example}")
        return
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or not parts.hostname:
        raise ValueError(f"host or port is missing or wrong: {example}")
    if not re.fullmatch(r"/?|/\d{1,5}", parts.path):
        raise ValueError(f"the database is a number: {example}")


def load_settings(project: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings of the project folder. Raises ``SettingsInvalid`` with every error at once."""
    path = project / FILE_NAME
    text = _text(path)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid([replace(_toml_error(error), rule=Rule.SETTINGS)]) from error
    wrong = list(_unknown_variables(environment))
    state = document.pop("state", None)
    values: dict[str, Any] = {"project": project, "state": project / (state or ".gateway"), **document}
    origins = dict(_override(values, environment))
    _aws_defaults(values, environment)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        wrong += [_explain(item, text, origins) for item in error.errors()]
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
            default = "" if field.default is None else str(field.default)
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
        if variable.startswith(PREFIX) and variable not in known:
            yield Diagnostic(
                path="environment", message=f"unknown setting {variable}", hint=did_you_mean(variable, known)
            )


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


def _toml_error(error: tomllib.TOMLDecodeError) -> Diagnostic:
    place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
    message = str(error).split(" (at ")[0]
    line, column = (int(place[1]), int(place[2])) if place else (None, None)
    return Diagnostic(path=FILE_NAME, line=line, column=column, message=f"not valid TOML: {message}")


def _explain(item: Any, text: str, origins: Mapping[tuple[str, ...], str]) -> Diagnostic:
    place = tuple(str(step) for step in item["loc"])
    message, hint = str(item["msg"]).removeprefix("Value error, "), None
    if item["type"] == "extra_forbidden":
        accepted = [name for name, *_ in settings_table()] + ["state"]
        message, hint = f"unknown setting {'.'.join(place)}", did_you_mean(".".join(place), accepted)
    else:
        message = f"{'.'.join(place)}: {message[:1].lower()}{message[1:]}"
    if place in origins:
        return Diagnostic(path=f"environment {origins[place]}", message=message, hint=hint)
    return Diagnostic(path=FILE_NAME, line=_line_of(place, text), message=message, hint=hint)


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
