"""Where the files of a table are: locations as declarations write them.

    s3://bucket/folder           a folder of a bucket (gs:// and az:// likewise)
    data/events, ../lake/events  a folder, from the project's own
    /srv/lake/events             a folder
    ~/lake, ~ann/lake            a folder, from the home folder of who runs the gateway, or of that user
    file:///srv/my%20lake        a folder, as a URL: percent-decoded; file:/srv/lake and file://localhost/srv/lake too

A text that is no URL is taken as it stands: spaces, '%' and '#' are characters of a name.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic_core import PydanticCustomError

from gateway.catalog.foreign_addresses import as_location

SCHEMES = ("s3", "gs", "az", "file")
_OTHER_NAMES = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "azure": "az"}
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_BROKEN_URL = re.compile(r"(?P<scheme>s3a?|s3n|gs|gcs|az):/*(?P<rest>[^/].*)", re.DOTALL)
_FILE = re.compile(r"file:(?://(?:localhost)?(?=/)|(?=/[^/]))")


class _Wrong(NamedTuple):
    message: str
    hint: str | None = None


def checked_location(text: str) -> str:
    """Return a location without its final slash. Raises ``PydanticCustomError`` with what to write."""
    wrong = _wrong(text)
    if wrong is not None:
        raise PydanticCustomError("location", "{message}", {"message": wrong.message, "hint": wrong.hint})
    return text.rstrip("/")


def local_folder(location: str, base: Path) -> Path | None:
    """Return the folder that a location is, where links and ``..`` are resolved; None for one in a bucket.

    A relative one is below *base*.
    """
    address = _FILE.match(location)
    if address is not None:
        return Path(unquote(location[address.end() :])).resolve()
    if _URL.match(location):
        return None
    return (base / os.path.expanduser(location)).resolve()


def _wrong(text: str) -> _Wrong | None:
    if not text.strip() or any(ord(character) < 32 for character in text):
        return _Wrong("a location is one folder, without control characters")
    meant = as_location(text)
    if meant is not None:
        return _Wrong(f"{text!r} is no location here", f"write {meant}")
    if re.match(r"[A-Za-z]:[\\/]", text):
        return _Wrong("a location has no drive letter", "write the folder as Linux names it, such as /mnt/c/data")
    if any(character in "*?[]{}\\" for character in text):
        return _pattern(text)
    if not _FILE.sub("", text, count=1).rstrip("/"):
        return _Wrong("the root of the machine is no table's location")
    if _FILE.match(text):
        return None
    url, broken = _URL.fullmatch(text), _BROKEN_URL.fullmatch(text)
    if url is not None:
        return _bucket(text, url["scheme"], url["rest"])
    if broken is not None:
        scheme = _OTHER_NAMES.get(broken["scheme"], broken["scheme"])
        return _Wrong(f"{text!r} is no address", f"write {scheme}://{broken['rest']}")
    return _Wrong("a file: location is absolute", "write file:///data/flights") if text.startswith("file:") else None


def _pattern(text: str) -> _Wrong:
    """Tell a pattern apart: its folders are the location, its last part is for ``files``."""
    message = "a location is one plain folder: no wildcard, bracket or backslash"
    folder = re.match(r"[^*?\[\]{}\\]*[^*?\[\]{}\\/](?=/)", text)
    if "*" not in text or folder is None or folder[0].endswith(":"):
        return _Wrong(message)
    return _Wrong(message, f"write location: {folder[0]} and files: '{text.rpartition('/')[2]}'")


def _bucket(text: str, scheme: str, rest: str) -> _Wrong | None:
    if scheme == "file":
        return _Wrong(
            "a file:// location is absolute", f"write {rest}" + ("" if rest[:1] == "~" else f", or file:///{rest}")
        )
    if scheme not in SCHEMES:
        known = _OTHER_NAMES.get(scheme.lower(), scheme.lower())
        hint = f"write {known}://{rest}" if known in SCHEMES else None
        return _Wrong(f"{scheme}:// is not supported; accepted: s3://, gs://, az://, file://, or a folder", hint)
    parts = urlsplit(text)
    if not parts.netloc or parts.query or parts.fragment or "@" in parts.netloc:
        return _Wrong(f"write {scheme}://bucket/folder, without credentials or options")
    if any(part in ("..", ".") for part in rest.split("/")):
        return _Wrong("in a bucket '.' and '..' are no folders", "write the whole key")
    return None
