"""Results as Excel workbooks over HTTP: their bounds are problems before the first byte."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Barrier
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from gateway.encode import FORMATS, encode
from gateway.web import formats, payload

ASKED = "/v1/queries/delays/v2/result.xlsx?start=2013-01-01"
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def rows_of(body: bytes) -> list[tuple[Any, ...]]:
    return list(openpyxl.load_workbook(BytesIO(body)).active.values)


@pytest.mark.parametrize(
    ("path", "accept"),
    [(ASKED, "*/*"), (ASKED.replace(".xlsx", ""), MEDIA_TYPE), (f"{ASKED.replace('.xlsx', '')}&_format=xlsx", "*/*")],
)
def test_a_result_is_a_workbook_where_that_is_asked_for(client: FlaskClient, path: str, accept: str) -> None:
    reply = client.get(path, headers={"Accept": accept, "Accept-Encoding": "zstd"})
    assert (reply.status_code, reply.content_type, "Content-Encoding" in reply.headers) == (200, MEDIA_TYPE, False)
    assert rows_of(reply.data) == [("carrier", "flights"), ("UA", 3), ("DL", 2), ("AA", 1)]
    assert reply.headers["Content-Disposition"] == 'attachment; filename="delays_v2_2013-01-01_10.xlsx"'


def test_a_workbook_has_a_length_a_tag_and_parts(client: FlaskClient, gateway: Any) -> None:
    gateway.table = pa.table({"carrier": [f"{n * 7919 % 10_007}" for n in range(40_000)], "flights": range(40_000)})
    whole, head = client.get(ASKED), client.head(ASKED)
    assert whole.headers["Content-Length"] == head.headers["Content-Length"]
    assert int(head.headers["Content-Length"]) == len(whole.data) > 256 * 1024
    part = client.get(ASKED, headers={"Range": "bytes=-22", "If-Range": whole.headers["ETag"]})
    assert (part.status_code, part.data) == (206, whole.data[-22:])
    assert client.get(ASKED, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304


def test_a_workbook_that_two_ask_for_at_once_is_made_once(
    client: FlaskClient, gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, kept, both, made = iter(range(2)), gateway.encoding, Barrier(2), list[str]()

    def encoding(key: str, form: str) -> bytes | None:
        found: bytes | None = kept(key, form)
        if next(looked, None) is not None:
            both.wait(20)  # neither goes on before both have found nothing
        return found

    def counted(form: Any, *rows: Any, **how: Any) -> Any:
        def written() -> Any:
            made.append(form.name)
            yield from encode(form, *rows, **how)

        return written()

    gateway.encoding = encoding
    monkeypatch.setattr(payload, "encode", counted)
    with ThreadPoolExecutor(2) as pool:
        clients = [client.application.test_client() for _ in range(2)]
        first, second = pool.map(lambda each: each.get(ASKED), clients)
    assert (first.data, made) == (second.data, ["xlsx"])


def test_a_page_is_a_workbook_of_its_rows(client: FlaskClient, gateway: Any) -> None:
    first = client.get(f"{ASKED}&_limit=2")
    link = first.headers["Link"]
    following = client.get(link[1 : link.index(">")])
    assert [len(rows_of(reply.data)) for reply in (first, following)] == [3, 2]
    gateway.large = True
    assert len(rows_of(client.get(f"{ASKED}&_limit=2").data)) == 3


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_more_rows_than_a_sheet_has_are_refused_with_the_formats_that_have_no_bound(
    client: FlaskClient, gateway: Any, method: str
) -> None:
    count = 1_048_576
    gateway.table = pa.table({"carrier": pa.nulls(count, pa.string()), "flights": pa.nulls(count, pa.int64())})
    reply = client.open(ASKED, method=method)
    assert reply.status_code == 422
    if method == "GET":
        assert (reply.json["type"], reply.json["limit"]) == ("/errors/result-too-large", count - 1)
        assert "CSV, NDJSON, Arrow or Parquet" in reply.json["detail"]
    assert client.get(f"{ASKED}&_limit=5").status_code == 200


def test_a_cell_that_is_too_long_is_a_problem_before_the_first_byte(client: FlaskClient, gateway: Any) -> None:
    gateway.table = pa.table({"carrier": ["x"] * 30_000 + ["x" * 40_000], "flights": range(30_001)})
    reply = client.get(ASKED)
    assert (reply.status_code, reply.json["type"]) == (422, "/errors/result-too-large")


def test_without_its_library_the_format_is_refused_in_plain_words(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "FORMATS", {name: known for name, known in FORMATS.items() if name != "xlsx"})
    reply = client.get(ASKED)
    assert (reply.status_code, "operator has not installed" in reply.json["detail"]) == (406, True)
    assert "xlsx" not in {one["format"] for one in reply.json["available"]}
