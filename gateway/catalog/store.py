"""Object stores by location: S3, Google Cloud Storage, Azure and local folders through one interface.

A store is opened at a table's location, so that every path is relative to it. What goes wrong in a store is raised as
``StorageFailed`` with a message of our own: the texts of the libraries quote requests, and those may hold credentials.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from errno import EEXIST, EISDIR, ELOOP, ENOTDIR
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self, TypeVar, cast
from urllib.parse import urlsplit

from obstore.exceptions import (
    BaseError,
    GenericError,
    InvalidPathError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from gateway.catalog.location import local_folder
from gateway.concurrency.retry import Retry
from gateway.declaration import Duration
from gateway.errors import StorageFailed
from gateway.telemetry.events import Observer, StoreRequested, unobserved

_SEGMENT = re.compile(r'illegal character sequence .* whilst parsing path segment "([^"]*)"', re.DOTALL)
_GOOGLE = ("GOOGLE_BASE_URL",)
_AZURE = ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT", "AZURE_STORAGE_USE_EMULATOR")
"""What of the environment decides which servers the names of buckets and containers are names on."""
_IN_FOLDER = re.compile(
    r"Generic LocalFileSystem error: [^/\n]*(?P<path>/[^\n]*): [^\n:]+ \(os error (?P<number>\d+)\)"
)
_STATUS = re.compile(r"status code: (\d{3})")
Done = TypeVar("Done")
CREDENTIAL_LIFE = timedelta(minutes=5)
"""How long temporary credentials are held before the chain is asked again; botocore renews 10 minutes ahead."""


class S3Keys(BaseModel):
    """Keys to S3: given, or those of a profile."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    access_key_id: SecretStr | None = Field(None, description="Access key; best left to the environment.")
    secret_access_key: SecretStr | None = Field(None, description="Secret key; best left to the environment.")
    session_token: SecretStr | None = Field(None, description="Token of temporary keys.")
    profile: str | None = Field(
        None, min_length=1, description="Profile of the AWS configuration whose keys, or whose role, these are."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key are given together, or neither")
        if self.access_key_id is not None and self.profile is not None:
            raise ValueError("keys are given by access_key_id and secret_access_key, or by a profile")
        return self


class S3Settings(S3Keys):
    """How S3 is reached. Keys are normally absent: then the standard AWS chain finds them."""

    endpoint: str | None = Field(
        None, pattern=r"^https?://[^/@]+/?$", description="Server other than AWS, e.g. http://127.0.0.1:9000."
    )
    region: str | None = Field(None, description="Region; else that of the AWS configuration.")
    url_style: Literal["path", "vhost"] = Field("vhost", description="Bucket in the path, or in the host name.")
    timeout: Duration = Field(30.0, gt=0, description="Longest time of one request to a store.")
    retries: int = Field(5, ge=0, description="How often a request that failed for a passing reason is sent again.")

    @property
    def path_style(self) -> bool:
        """Return whether the bucket stands in the path: as set, and always where the endpoint is an IP address."""
        host = urlsplit(self.endpoint or "").hostname or ""
        return self.url_style == "path" or ":" in host or host.replace(".", "").isdigit()

    @property
    def use_ssl(self) -> bool:
        """Return whether requests are encrypted: always on AWS, else as the endpoint says."""
        return self.endpoint is None or self.endpoint.startswith("https://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Keys to S3; ``expiry`` is when to ask again (aware, UTC), None for keys that do not expire."""

    key: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expiry: datetime | None = None


class CredentialChain:
    """The one source of S3 credentials: the settings, else the standard AWS chain; see ``gateway.catalog.aws``."""

    def __init__(self, s3: S3Settings) -> None:
        self._s3 = s3
        self._chain: Any = None

    def __call__(self) -> Credentials | None:
        """Return valid credentials, None where there are none (requests go unsigned). Raises ``StorageFailed``."""
        given = _given(self._s3)
        if given is not None:
            return given
        if self._chain is None:
            self._chain = _aws().Chain(self._s3.profile)
        found = self._chain()
        if found is None:
            return None
        expiry = datetime.now(UTC) + CREDENTIAL_LIFE if found.temporary else None
        return Credentials(key=found.key, secret=found.secret, token=found.token, expiry=expiry)


def credentials(s3: S3Settings) -> Credentials | None:
    """Find credentials once; whoever needs them again holds a ``CredentialChain``."""
    return CredentialChain(s3)()


def region(s3: S3Settings) -> str:
    """Return the region of the settings, else that of the AWS configuration, else ``us-east-1``."""
    if s3.region is not None:
        return s3.region
    return _aws().configured_region() or "us-east-1"


def _aws() -> Any:
    return import_module("gateway.catalog.aws")


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """An object store opened at one location; paths are relative to it, with ``/`` between folders."""

    location: str
    """As declared; safe to show."""
    root: str
    """What stands before a path to make the address that an engine opens; ends with ``/``."""
    objects: ObjectStore
    ordered: bool
    """The store promises to list in the order of the keys' bytes, starting after any key."""
    retry: Retry = field(default_factory=Retry)
    observe: Observer = unobserved
    """Told of the requests, as far as they can be seen: obstore does not tell of those that it sent again itself."""

    def patiently(self, work: Callable[[], Done]) -> Done:
        """Do *work* with ``objects``, again where it fails in passing: obstore repeats no answer that was cut short."""

        def attempt() -> Done:
            try:
                return work()
            except BaseError:
                self.asked("other", status="failed")
                raise

        return self.retry(attempt, passing)

    def asked(self, kind: str, requests: int = 1, *, status: str = "200") -> None:
        """Report the number of requests and their status."""
        self.observe(StoreRequested(client="manifest", kind=kind, status=status, requests=requests))

    def address(self, path: str) -> str:
        """Write the full address of *path*: an absolute file name, or ``s3://bucket/key``."""
        return self.root + path


def root_of(location: str, base: Path) -> str:
    """Return the prefix of the addresses at a location; a plain folder is relative to *base*."""
    folder = local_folder(location, base)
    return f"{folder or location.rstrip('/')}/"


def place_of(location: str, s3: S3Settings, base: Path, environment: Mapping[str, str] = os.environ) -> str:
    """Return a text that identifies the data at a location: no other data has the same one, in any deployment.

    A folder is its real path; a bucket is one of an endpoint and region, a container one of an account.
    """
    folder = local_folder(location, base)
    if folder is not None:
        return f"file:{folder}/"
    scheme, _, rest = location.partition("://")
    match scheme:
        case "s3":
            owner = f"{_endpoint(s3)} {region(s3)}"
        case "gs":
            owner = " ".join(environment.get(name, "") for name in _GOOGLE)
        case _:
            owner = " ".join(environment.get(name, "") for name in _AZURE)
    return f"{scheme}:{owner}:{rest.rstrip('/')}/"


def _endpoint(s3: S3Settings) -> str:
    """Return the canonical form of an endpoint: case, the default port and a final slash do not matter."""
    if s3.endpoint is None:
        return "aws"
    parts = urlsplit(s3.endpoint.lower())
    return f"{parts.scheme}://{parts.hostname}:{parts.port or {'http': 80, 'https': 443}[parts.scheme]}"


def open_store(
    location: str, s3: S3Settings, base: Path, *, observe: Observer = unobserved, make: bool = False
) -> Store:
    """Open the store at *location*; a plain folder is relative to *base*. Raises ``StorageFailed``.

    *observe* is notified of requests over the network. *make*: a folder that is not there is made.
    """
    folder = local_folder(location, base)
    if folder is not None:
        if make:
            with storage_errors(location):
                folder.mkdir(parents=True, exist_ok=True)
        return _local(location, folder)
    parts = urlsplit(location)
    bucket, prefix = parts.netloc, parts.path.strip("/")
    with storage_errors(location):
        match parts.scheme:
            case "s3":
                objects: ObjectStore = _s3(bucket, prefix or None, s3)
            case "gs":
                objects = GCSStore(bucket, prefix=prefix or None, **_client(s3, allow_http=False))
            case "az":
                objects = AzureStore(bucket, prefix=prefix or None, **_client(s3, allow_http=False))
            case _:
                raise StorageFailed(f"{location}: {parts.scheme}:// is not supported; accepted: s3, gs, az, file.")
    # AWS and Google promise the order; S3 directory buckets, other servers (SeaweedFS sorts folder by folder) and
    # Azure do not.
    ordered = parts.scheme == "gs" or (parts.scheme == "s3" and s3.endpoint is None and not bucket.endswith("--x-s3"))
    return Store(location=location, root=root_of(location, base), objects=objects, ordered=ordered, observe=observe)


def _local(location: str, folder: Path) -> Store:
    if not folder.is_dir():
        raise StorageFailed(f"{location}: {_missing(location, folder)}.", path=str(folder))
    with storage_errors(location):
        objects = LocalStore(folder)
    return Store(location=location, root=f"{folder}/", objects=objects, ordered=False)


def _missing(location: str, folder: Path) -> str:
    if folder.is_file():
        return f"it is a file: declare the folder that it lies in, and files: '{PurePosixPath(location).name}'"
    if location.startswith("~"):
        return "there is no such folder: ~ is the home folder of who runs the gateway"
    return "there is no such folder"


def _s3(bucket: str, prefix: str | None, s3: S3Settings) -> S3Store:
    chain = CredentialChain(s3)
    signed = chain() is not None
    endpoint = (s3.endpoint or "").rstrip("/")
    if endpoint and not s3.path_style:
        # obstore expects the bucket to be part of the endpoint's host name already.
        endpoint = endpoint.replace("://", f"://{bucket}.", 1)
    options: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
    if signed:
        options["credential_provider"] = lambda: _for_obstore(chain())
    return S3Store(
        bucket,
        prefix=prefix,
        region=region(s3),
        virtual_hosted_style_request=not s3.path_style,
        skip_signature=not signed,
        **options,
        **_client(s3, allow_http=not s3.use_ssl),
    )


def _client(s3: S3Settings, *, allow_http: bool) -> dict[str, Any]:
    # An overall timeout would cut a large page short on a slow line; a read timeout only ends a stalled one.
    return {
        "client_options": {
            "allow_http": allow_http,
            "connect_timeout": timedelta(seconds=min(5.0, s3.timeout)),
            "timeout": timedelta(seconds=s3.timeout),
        },
        # No attempt follows one that took all the time there is, and a store that is gone is found out in a second.
        "retry_config": {
            "max_retries": s3.retries,
            "retry_timeout": timedelta(seconds=s3.timeout),
            "backoff": {"init_backoff": timedelta(milliseconds=50), "max_backoff": timedelta(seconds=1), "base": 2},
        },
    }


def _for_obstore(found: Credentials | None) -> Any:
    if found is None:
        raise StorageFailed("The AWS credentials are gone.")
    return {
        "access_key_id": found.key,
        "secret_access_key": found.secret,
        "token": found.token,
        "expires_at": found.expiry,
    }


def _given(s3: S3Settings) -> Credentials | None:
    if s3.access_key_id is None or s3.secret_access_key is None:
        return None
    token = s3.session_token.get_secret_value() if s3.session_token is not None else None
    return Credentials(
        key=s3.access_key_id.get_secret_value(), secret=s3.secret_access_key.get_secret_value(), token=token
    )


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Turn what a store raises into ``StorageFailed`` about *what*, without the library's text or its cause.

    The texts quote the server's reply, and S3 repeats an expired token in it; so not even the chained cause is kept.
    """
    try:
        yield
    except (BaseError, OSError) as error:
        message = f"{what}: {_reason(cast(Exception, error), what)}."
        raise StorageFailed(message, passing=passing(cast(Exception, error))) from None


def passing(error: Exception) -> bool:
    """Return whether a store failed for a reason that may be gone in a moment: busy, not reached, cut short."""
    if not isinstance(error, GenericError):
        return False  # gone, refused, not as expected
    if _in_folder(error) is not None:
        return False
    status = _STATUS.search(str(error))
    return status is None or status[1] in ("408", "429") or status[1].startswith("5")


def _in_folder(error: Exception) -> tuple[str, int] | None:
    """Return the path at which the file system failed, and its error number; None where it did not, or says no path."""
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        return os.fspath(error.filename), error.errno
    found = _IN_FOLDER.match(str(error))
    return None if found is None else (found["path"], int(found["number"]))


def _told(path: str, number: int, what: str) -> str:
    """Say what is wrong at a path of the file system; where the folder of the location lies is not told."""
    blocked = next((each for each in (Path(path), *Path(path).parents) if each.is_file()), None)
    if number in (ENOTDIR, EEXIST) and blocked is not None:
        return f"{_below(str(blocked), what)} is a file, where a folder has to be: move it away"
    if number == EISDIR:
        return f"{_below(path, what)} is a folder, where a file has to be: move it away"
    return f"{_below(path, what)}: {os.strerror(number)}"


def _below(path: str, what: str) -> str:
    folder = what.removeprefix("file://").strip("/")
    return path.partition(f"/{folder}/")[2] or Path(path).name


def _reason(error: Exception, what: str) -> str:
    text = str(error)
    code = re.search(r"<Code>(\w+)</Code>", text)
    status = _STATUS.search(text)
    if code or status:
        return "the object store answered " + " ".join(found[1] for found in (status, code) if found)
    match error:
        case InvalidPathError() if (segment := _SEGMENT.search(text)) is not None:
            return f"an object has a character in its key that cannot be listed, in {segment[1]!r}: rename it"
        case InvalidPathError():
            return "an object has an empty, '.' or '..' folder in its key: rename it"
        case NotFoundError() | FileNotFoundError():
            return "an object is gone"
        case PermissionDeniedError() | PermissionError():
            return "access is denied"
        case UnauthenticatedError():
            return "the credentials are not accepted"
    if "File system loop" in text or getattr(error, "errno", None) == ELOOP:
        return "a link in it leads back to a folder that it lies in: remove it"
    local = _in_folder(error)
    if local is not None:
        return _told(*local, what)
    if "timed out" in text or "TimedOut" in text or "operation timed out" in text:
        return "the object store did not answer in time"
    if "Connect" in text:
        return "the object store cannot be reached"
    return f"the object store failed ({type(error).__name__})"
