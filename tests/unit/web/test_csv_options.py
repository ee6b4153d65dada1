"""``_bom`` and ``_delimiter``: CSV as a spreadsheet and its language want it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from flask.testing import FlaskClient

ASKED = "/v1/queries/delays/v2/result.csv?start=2013-01-01"


@pytest.fixture(autouse=True)
def formulas(gateway: Any) -> None:
    gateway.table = pa.table({"carrier": ["=1+1", "a;b", "-x"], "flights": [-3, 2, 1]})


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", "carrier,flights\r\n=1+1,-3\r\na;b,2\r\n-x,1\r\n"),
        ("&_bom=false&_delimiter=,", "carrier,flights\r\n=1+1,-3\r\na;b,2\r\n-x,1\r\n"),
        ("&_delimiter=;", 'carrier;flights\r\n=1+1;-3\r\n"a;b";2\r\n-x;1\r\n'),
        ("&_delimiter=semicolon", 'carrier;flights\r\n=1+1;-3\r\n"a;b";2\r\n-x;1\r\n'),
        ("&_delimiter=%09", "carrier\tflights\r\n=1+1\t-3\r\na;b\t2\r\n-x\t1\r\n"),
        ("&_delimiter=pipe", "carrier|flights\r\n=1+1|-3\r\na;b|2\r\n-x|1\r\n"),
        ("&_bom=true", "\ufeffcarrier,flights\r\n'=1+1,-3\r\n\"a;b\",2\r\n'-x,1\r\n"),
        ("&_bom=1&_delimiter=;", "\ufeffcarrier;flights\r\n'=1+1;-3\r\n\"a;b\";2\r\n'-x;1\r\n"),
    ],
)
@pytest.mark.parametrize("large", [False, True], ids=["kept", "sent while it is computed"])
def test_csv_is_written_as_the_options_say(
    client: FlaskClient, gateway: Any, options: str, expected: str, large: bool
) -> None:
    gateway.large = large
    reply = client.get(ASKED + options)
    assert (reply.status_code, reply.data.decode()) == (200, expected)
    assert reply.content_type == "text/csv; charset=utf-8; header=present"


def test_each_dialect_has_a_tag_of_its_own_and_plain_csv_the_one_it_had(client: FlaskClient) -> None:
    dialects = ["", "&_bom=true", "&_delimiter=;", "&_bom=true&_delimiter=;", "&_delimiter=tab"]
    tags = [client.get(ASKED + options).headers["ETag"] for options in dialects]
    assert len(set(tags)) == 5
    assert client.get(f"{ASKED}&_delimiter=comma&_bom=0").headers["ETag"] == tags[0]


def test_the_next_page_is_written_like_the_first(client: FlaskClient) -> None:
    link = client.get(f"{ASKED}&_limit=1&_bom=true&_delimiter=;").headers["Link"]
    following = client.get(link[1 : link.index(">")])
    assert following.data.decode() == '\ufeffcarrier;flights\r\n"a;b";2\r\n'


@pytest.mark.parametrize(
    ("options", "word"),
    [("&_bom=yes", "_bom"), ("&_bom=", "_bom"), ("&_delimiter=", "_delimiter"), ("&_delimiter=x", "_delimiter"),
     ("&_delimiter=,,", "_delimiter"), ("&_delimiter=%0A", "_delimiter"), ("&_delimiter=%22", "_delimiter")],
)  # fmt: skip
def test_what_is_no_option_of_csv_is_refused(client: FlaskClient, options: str, word: str) -> None:
    reply = client.get(ASKED + options)
    assert (reply.status_code, reply.json["option"], word in reply.json["detail"]) == (400, word, True)


@pytest.mark.parametrize("form", ["json", "ndjson", "arrow", "parquet"])
@pytest.mark.parametrize("option", ["_bom=true", "_delimiter=;"])
def test_other_formats_have_no_dialects(client: FlaskClient, form: str, option: str) -> None:
    reply = client.get(f"/v1/queries/delays/v2/result.{form}?start=2013-01-01&{option}")
    assert (reply.status_code, "for CSV only" in reply.json["detail"]) == (400, True)
