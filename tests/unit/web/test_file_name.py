"""A result that is saved has a name that tells what it is (RFC 6266, RFC 8187)."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from gateway.encode import FORMATS
from gateway.web.file_name import content_disposition

RESULT = "/v1/queries/delays/v2/result"
NAMES = re.compile(r"attachment; filename=\"([A-Za-z0-9._+-]+)\"(?:; filename\*=UTF-8''([A-Za-z0-9%._~-]+))?")


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("?start=2013-01-01", "delays_v2_2013-01-01_10.csv"),
        ("?start=2013-01-01&carriers=UA&carriers=DL&top=3", "delays_v2_2013-01-01_UA+DL_3.csv"),
        ("?start=2013-01-01&carriers=../../etc/passwd", "delays_v2_2013-01-01_..-..-etc-passwd_10.csv"),
        ("?start=2013-01-01&carriers=a%22%3B%20b%0D%0AX:%20y", "delays_v2_2013-01-01_a-b-X-y_10.csv"),
    ],
)
def test_the_name_tells_the_query_its_version_and_its_parameters(client: FlaskClient, asked: str, name: str) -> None:
    for suffix, method in ((".csv", "GET"), (".csv", "HEAD")):
        disposition = client.open(f"{RESULT}{suffix}{asked}", method=method).headers["Content-Disposition"]
        assert disposition == f'attachment; filename="{name}"'
    latest = client.get(f"{RESULT.replace('v2', 'latest')}.csv{asked}")
    assert latest.headers["Content-Disposition"] == disposition


@pytest.mark.parametrize("form", FORMATS)
def test_browsers_show_json_and_save_what_they_cannot_show(client: FlaskClient, form: str) -> None:
    disposition = client.get(f"{RESULT}.{form}?start=2013-01-01").headers["Content-Disposition"]
    kind = "inline" if form == "json" else "attachment"
    assert disposition == f'{kind}; filename="delays_v2_2013-01-01_10.{form}"'


def test_letters_of_every_script_are_kept_beside_a_name_in_ascii(client: FlaskClient) -> None:
    asked = f"{RESULT}.csv?start=2013-01-01&carriers=K%C3%B6ln&carriers=%E6%9D%B1%E4%BA%AC"
    assert client.get(asked).headers["Content-Disposition"] == (
        'attachment; filename="delays_v2_2013-01-01_Koln+-_10.csv"; '
        "filename*=UTF-8''delays_v2_2013-01-01_K%C3%B6ln%2B%E6%9D%B1%E4%BA%AC_10.csv"
    )


@given(values=st.dictionaries(st.text(max_size=5), st.none() | st.text(max_size=80) | st.lists(st.text(max_size=9))))
def test_no_parameter_makes_a_name_that_is_none(values: dict[str, str | list[str] | None]) -> None:
    disposition = content_disposition("delays", 2, values, FORMATS["csv"])
    found = NAMES.fullmatch(disposition)
    assert found is not None, disposition
    for name in (found[1], unquote(found[2] or found[1])):
        assert name.startswith("delays_v2")
        assert name.endswith(".csv")
        assert len(name.encode()) <= 130
        assert not set(name) & set('/\\:*?"<>|')
        assert not [one for one in name if unicodedata.category(one)[0] in "CZ"]
