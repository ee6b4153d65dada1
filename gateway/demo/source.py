"""Where the demonstrations' data comes from."""

from __future__ import annotations


class SourceMissing(Exception):
    """A package that the data comes from is not installed; the message says how to get it."""
