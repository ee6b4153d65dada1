"""The settings of a running gateway: what each section holds, and what each setting may be.

``gateway.config`` reads them.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
)
from pydantic_core import PydanticCustomError

from gateway.access.settings import AccessSettings, LimitSettings
from gateway.catalog.location import checked_location
from gateway.catalog.store import S3Keys, S3Settings
from gateway.declaration import Duration, Size
from gateway.web.origins import read_allowed, read_origins
from gateway.web.proxies import read_networks, read_root_path


def _split(value: object) -> object:
    """Take a text for a list: a variable of the environment has its items with spaces or commas between them."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


Listed = Annotated[tuple[str, ...], BeforeValidator(_split, json_schema_input_type=str | tuple[str, ...])]


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
    root_path: Annotated[str, AfterValidator(read_root_path)] = Field(
        "", description="Path under which clients reach the gateway, where a proxy has it below one, e.g. `/data/gw`."
    )
    trusted_proxies: Annotated[Listed, AfterValidator(read_networks)] = Field(
        (),
        description="Addresses of proxies, such as `10.0.0.0/8`, whose `X-Forwarded-Prefix`, `-Proto`, `-Host` count.",
    )
    cors: Annotated[Listed, AfterValidator(read_allowed)] = Field(
        (),
        description="Origins whose pages may read answers, e.g. `https://dash.example`; `*` is every one, where nobody "
        "shows a key.",
    )
    embed: Annotated[Listed, AfterValidator(read_origins)] = Field(
        (), description="Origins whose pages may show the gateway's own in a frame, e.g. `https://wiki.example`."
    )


class EngineSettings(_Section):
    """How DuckDB runs: in one process for all workers of the machine."""

    memory: Size | None = Field(
        None, ge=8 * 2**20, description="Memory that DuckDB may use on this machine; by default a part of `memory`."
    )
    threads: int | None = Field(
        None, ge=1, le=1024, description="DuckDB threads of this machine; by default the cores, and more over S3."
    )
    one_thread_memory: Size = Field(
        96 * 2**20,
        ge=32 * 2**20,
        description="Memory of a `deterministic` query that runs on one thread, beside `engine.memory`; beyond it, it "
        "spills, and then breaks ties as this size has it: set it alike on all hosts.",
    )
    slots: int | None = Field(
        None,
        ge=1,
        le=256,
        description="Queries that run at the same time on this machine; by default what cores and memory allow.",
    )
    queue: int = Field(64, ge=0, le=100_000, description="Queries that may wait for a slot on this machine.")
    wait: Duration = Field(10.0, description="How long a query may wait for a slot.")
    cheap: Size = Field(
        64 * 2**20,
        description="Planned bytes up to which a query is a cheap one: one slot of two or more is for these only, "
        "and a page runs it when it is opened.",
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
    partials: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="Part of the memory and of the disk of results that is for partials, of which answers are put "
        "together; in Redis they take as much as on the disk. `0`: every answer is computed as a whole.",
    )
    partials_from: Size = Field(
        2**20,
        description="Mean size of the partitions that a query reads from which its answer is put together of partials: "
        "reading smaller ones again costs less than keeping and finding theirs.",
    )
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


class SnapshotSettings(_Section):
    """Where the snapshots are kept that answers name, so that they can be asked for again."""

    location: str | None = Field(
        None,
        description="Folder or bucket, e.g. `s3://warehouse/_snapshots`, that all hosts share and that nobody cleans; "
        "without one only the snapshot of now can be asked for.",
    )
    keep_snapshots: Duration = Field(
        30 * 86_400.0, gt=0, description="How long a snapshot is kept after the next one of its table was named."
    )


class SplitSettings(_Section):
    """Results that are read in splits: those too large to be kept as answers are on the disk meanwhile."""

    spool: Size = Field(
        4 * 2**30,
        ge=0,
        description="Disk space of the machine for them; what does not fit is refused. `0`: each of them is.",
    )
    spool_ttl: Duration = Field(3600.0, gt=0, description="How long one is there after it was last read.")
    spool_folder: Path | None = Field(
        None, description="Folder for them, relative to the project; by default `spool` in the state folder."
    )


class JobSettings(_Section):
    """Who does the builds and exports that are asked for over HTTP. Their records are beside the snapshots."""

    run: bool = Field(
        True,
        description="Whether this machine does builds and exports, one of each at a time; else others with the same "
        "records do.",
    )


def _locations(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_location, texts))


def _location(text: str) -> str:
    try:
        return checked_location(text)
    except PydanticCustomError as error:
        raise ValueError(error.message()) from error


class BuilderSettings(S3Keys):
    """Keys to S3 of what writes data: `gateway builder`, and the commands. Without any, those of `storage` write.

    `gateway serve` does not start where they are set: see docs/operating.md, Keys that write.
    """

    @property
    def declared(self) -> tuple[str, ...]:
        """The settings that are given."""
        return tuple(name for name, value in self if value is not None)


class ExportSettings(_Section):
    """Where results may be written as files for those who are granted `export`."""

    allow: Annotated[Listed, AfterValidator(_locations)] = Field(
        (), description="Prefixes of such folders, e.g. `s3://exports/teams`; without one, nothing is exported."
    )


class ClusterSettings(_Section):
    """Other machines that compute what is too much for this one."""

    dask: str | None = Field(
        None,
        description="Scheduler of a Dask cluster, e.g. tls://scheduler:8786; tcp:// is for the same machine only.",
    )
    spark: SecretStr | None = Field(
        None,
        description="Spark Connect server, e.g. sc://spark:15002/;use_ssl=true;token=…; without TLS for the same "
        "machine only.",
    )
    spark_scheme: Literal["s3a", "s3"] = Field(
        "s3a", description="Scheme by which Spark reaches the buckets of s3:// locations."
    )
    spark_largest: Size | None = Field(
        None,
        description="Largest answer that Spark sends, in bytes of Arrow buffers; by default 64MiB with "
        "`spark_spool`, else 512MiB. Larger ones are spooled there, else errors.",
    )
    spark_spool: str | None = Field(
        None,
        description="Where Spark writes larger answers, which are deleted after use: `s3://bucket/prefix`, or a folder "
        "that both see.",
    )
    spark_spool_size: Size = Field(
        64 * 2**30, description="Largest of them, in bytes of files; larger ones are errors."
    )
    above: Size | None = Field(
        None,
        description="Planned bytes above which a cluster computes what an answer lacks; by default DuckDB's part of "
        "`memory`.",
    )
    alone: Size | None = Field(
        None,
        description="Planned bytes up to which this machine does it while the cluster cannot be used; by default eight "
        "times as many.",
    )
    ca: Path | None = Field(None, description="Certificate of the authority that signed those of the cluster.")
    certificate: Path | None = Field(None, description="Certificate of the gateway, for tls://.")
    key: Path | None = Field(None, description="Its private key.")

    @field_validator("spark")
    @classmethod
    def _spark_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _check_spark_address(value.get_secret_value())
        return value

    @field_validator("spark_spool")
    @classmethod
    def _spool_location(cls, value: str | None) -> str | None:
        return None if value is None else _checked_spool(_location(value))

    @field_validator("dask")
    @classmethod
    def _dask_address(cls, value: str | None) -> str | None:
        if value is not None:
            _check_dask_address(value)
        return value


class LogSettings(_Section):
    """What is written down, and how."""

    format: Literal["auto", "json", "text"] = Field(
        "auto",
        description="How lines on standard output are written: `json`, `text` for people, `auto` by the terminal.",
    )
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
    snapshots: SnapshotSettings = SnapshotSettings()
    splits: SplitSettings = SplitSettings()
    jobs: JobSettings = JobSettings()
    builder: BuilderSettings = BuilderSettings()
    export: ExportSettings = ExportSettings()
    cluster: ClusterSettings = ClusterSettings()
    access: AccessSettings = AccessSettings()
    limits: LimitSettings = LimitSettings()
    log: LogSettings = LogSettings()

    @property
    def writing(self) -> S3Settings:
        """How S3 is reached by what writes data: with the keys of the builder, where it has its own."""
        if not self.builder.declared:
            return self.storage
        return self.storage.model_copy(update=dict(self.builder))


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


def _check_dask_address(address: str) -> None:
    """Raise ``ValueError`` for what is no address of a scheduler that may be trusted with the connection."""
    example = "write tls://host:8786, or tcp://127.0.0.1:8786 for one on this machine"
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in ("tls", "tcp") or not parts.hostname or not port or parts.path or "@" in parts.netloc:
        raise ValueError(f"not the address of a Dask scheduler: {example}")
    if parts.scheme == "tcp" and not _is_loopback(parts.hostname):
        raise ValueError(f"a scheduler on another machine is reached by TLS, for it runs what it is given: {example}")


def _check_spark_address(address: str) -> None:
    """Raise ``ValueError`` for what is no address of a server, without quoting it: it may hold a token."""
    example = "write sc://host:15002/;use_ssl=true, or sc://127.0.0.1:15002 for one on this machine"
    place, *options = address.split(";")
    parts = urlsplit(place)
    try:
        port = parts.port or 15002
    except ValueError:
        port = 0
    if parts.scheme != "sc" or not parts.hostname or not port or parts.path not in ("", "/") or "@" in parts.netloc:
        raise ValueError(f"not the address of a Spark Connect server: {example}")
    if not all(re.fullmatch(r"[a-zA-Z_][\w.-]*=[^=]+=*", option) for option in options if option):
        raise ValueError(f"the options after ; are name=value: {example}")
    if "use_ssl=true" not in options and not _is_loopback(parts.hostname):
        raise ValueError(f"a server on another machine is reached by TLS: {example}")


def _checked_spool(location: str) -> str:
    """Return a location that Spark can write to. Raises ``ValueError``."""
    scheme, _, rest = location.partition("://")
    if rest and scheme not in ("s3", "file"):
        raise ValueError("Spark writes to a bucket of s3://, or to a folder: write s3://bucket/prefix")
    if scheme == "s3" and "/" not in rest:
        raise ValueError(f"a prefix is missing: write {location}/spark")
    return location


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
