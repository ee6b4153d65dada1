"""A representation of an answer: format, shape, coding and page, and the ETag that follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from gateway.answer import Answer, Export, Unread
from gateway.encode import ENCODERS, Format
from gateway.encode.csv import PLAIN
from gateway.streaming import CsvDialect
from gateway.web.headers import entity_tag
from gateway.web.paging import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """How one response writes a result."""

    format: Format
    shape: str
    coding: str
    """How the body is compressed: ``zstd``, ``gzip`` or ``identity``."""
    dialect: CsvDialect = PLAIN
    """How CSV is written."""

    def exact(self, digest: str, page: Page, meta: Mapping[str, Any]) -> str:
        """Make the strong validator of a page of a result, written so: it is of exactly these bytes."""
        beside = orjson.dumps(meta) if self.format.name == "json" else b""
        place = (page.offset, page.rows, beside)
        return entity_tag(digest, ENCODERS, self.format.name, self.shape, self.coding, *place, *self._written())

    def alike(self, key: str) -> str:
        """Make the weak validator of all rows of *key*: computed again they may differ in order and last digits."""
        return entity_tag(key, "alike", self.format.name, self.shape, self.coding, *self._written())

    def _written(self) -> tuple[object, ...]:
        """Return what tells the bytes from those of plain CSV, and from those of another release of a library."""
        dialect = () if self.dialect == PLAIN else (self.dialect.delimiter, self.dialect.spreadsheet)
        return (*dialect, self.format.library) if self.format.library else dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """What one response gives of an answer: a page of its rows, written in one way.

    ``meta`` are the members that JSON has beside the rows, ``following`` is the address of the next page. ``body``
    names the bytes of the body, and is None where they are not known before they are sent.
    """

    answer: Answer | Export | Unread
    page: Page
    variant: Variant
    meta: Mapping[str, Any]
    following: str | None
    body: str | None

    def coded(self, coding: str) -> Representation:
        """Return the representation with another coding."""
        variant = replace(self.variant, coding=coding)
        return replace(self, variant=variant, body=body_name(self.answer, self.page, variant, self.meta))

    @property
    def tag(self) -> tuple[str, str] | None:
        """Return the validator, as it is compared and as it is written; None where there is none.

        What is sent while it is computed has a weak one, and none where it is only the first of many rows.
        """
        if not isinstance(self.answer, Export):
            opaque = self.body if self.answer.result.digest and not self.answer.status.default else None
            return None if opaque is None else (opaque, f'"{opaque}"')
        if self.page.rows is not None:
            return None
        opaque = self.variant.alike(self.answer.result.key)
        return opaque, f'W/"{opaque}"'


def body_name(answer: Answer | Export | Unread, page: Page, variant: Variant, meta: Mapping[str, Any]) -> str | None:
    """Name the bytes of a body: by its strong validator; None where they are not known before they are sent."""
    return None if isinstance(answer, Export) else variant.exact(answer.result.digest, page, meta)
