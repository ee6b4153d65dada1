from __future__ import annotations

import duckdb
import pytest

from gateway.errors import InputInvalid
from gateway.writer.base import Files, InputFormat
from gateway.writer.inputs import format_of, input_message, quoted


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", InputFormat.CSV),
        ("a.CSV.gz", InputFormat.CSV),
        ("a.tsv", InputFormat.CSV),
        ("a.parquet", InputFormat.PARQUET),
        ("x/*.ndjson", InputFormat.JSON),
        ("a.b.jsonl.zst", InputFormat.JSON),
    ],
)
def test_the_name_of_a_file_tells_its_format(name: str, expected: InputFormat) -> None:
    assert expected == format_of(Files(paths=(name,)))


def test_a_given_format_wins_over_the_name() -> None:
    assert format_of(Files(paths=("a.json",), format=InputFormat.CSV)) == InputFormat.CSV


def test_a_name_that_tells_no_format_is_refused() -> None:
    with pytest.raises(InputInvalid, match="--format"):
        format_of(Files(paths=("a.dat",)))


def test_files_of_two_formats_are_refused() -> None:
    with pytest.raises(InputInvalid, match="mixes formats"):
        format_of(Files(paths=("a.csv", "b.json")))


def test_identifiers_are_quoted() -> None:
    assert quoted('a "b"') == '"a ""b"""'


def test_messages_of_the_reader_lose_its_advice() -> None:
    error = duckdb.ConversionException(
        "Conversion Error: CSV Error on Line: 4\nOriginal Line: foo,z\nNot a number\n\n* Check it\n\n file = x"
    )
    assert input_message(error) == "CSV Error on Line: 4 Original Line: foo,z Not a number"
