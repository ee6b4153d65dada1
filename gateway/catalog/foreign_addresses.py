"""Read where a folder of a bucket is from the addresses that consoles and other tools give it."""

from __future__ import annotations

import re
from urllib.parse import unquote

_FORMS = (
    (r"arn:aws[a-z-]*:s3:::(?P<bucket>[^/]+)(?P<key>/.*)?", "s3"),
    (r"https?://(?P<bucket>[^/]+)\.s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?(?P<key>/.*)?", "s3"),
    (r"https?://s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?/(?P<bucket>[^/]+)(?P<key>/.*)?", "s3"),
    (r"https?://storage\.(?:cloud\.google|googleapis)\.com/(?P<bucket>[^/]+)(?P<key>/.*)?", "gs"),
    (r"https?://(?P<bucket>[^/]+)\.storage\.googleapis\.com(?P<key>/.*)?", "gs"),
    (r"https?://[^/.]+\.(?:blob|dfs)\.core\.windows\.net/(?P<bucket>[^/]+)(?P<key>/.*)?", "az"),
    (r"(?:wasb|abfs)s?://(?P<bucket>[^/@]+)@[^/]+(?P<key>/.*)?", "az"),
    (r"(?P<scheme>s3|gs|az)a?//(?P<bucket>[^/]+)(?P<key>/.*)?", None),
)
"""The ARN and both styles of URL of S3, those of Cloud Storage, Blob Storage and its drivers; a colon forgotten."""


def as_location(address: str) -> str | None:
    """Return the location that another address of a bucket's folder is, without its query string; None for others.

    >>> as_location("https://lake.s3.eu-west-1.amazonaws.com/raw/events/"), as_location("arn:aws:s3:::lake")
    ('s3://lake/raw/events/', 's3://lake')
    >>> as_location("abfss://raw@acme.dfs.core.windows.net/events"), as_location("https://example.com/lake")
    ('az://raw/events', None)
    """
    plain = address.partition("?")[0] if "://" in address else address
    for form, scheme in _FORMS:
        found = re.fullmatch(form, plain)
        if found is not None:
            key = found["key"] or ""
            return f"{scheme or found['scheme']}://{found['bucket']}{unquote(key) if plain.startswith('http') else key}"
    return None
