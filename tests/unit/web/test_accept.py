"""The format that ``Accept`` chooses: parameters, weights, and what answers are labelled with (RFC 9110, 12.5.1)."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from gateway.encode import FORMATS
from gateway.web.accept import choose

ASKED = "/v1/queries/delays/v2/result?start=2013-01-01"
EXPLAINED = "/v1/queries/delays/v2/explain?start=2013-01-01"
OFFERED = {name: known.media_type for name, known in FORMATS.items()}


@pytest.mark.parametrize("form", FORMATS)
def test_what_an_answer_is_labelled_with_is_accepted(client: FlaskClient, form: str) -> None:
    label = client.get(f"{ASKED}&_format={form}").content_type
    assert client.get(ASKED, headers={"Accept": label}).content_type == label
    assert client.get(ASKED, headers={"Accept": f"{label};q=0.3, image/png"}).content_type == label


@pytest.mark.parametrize("path", [f"{EXPLAINED}&_format=text", EXPLAINED])
def test_what_an_explanation_is_labelled_with_is_accepted(client: FlaskClient, path: str) -> None:
    label = client.get(path).content_type
    assert client.get(EXPLAINED, headers={"Accept": label}).content_type == label


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/json; charset=utf-8", "json"),
        ('application/json;charset="UTF-8"', "json"),
        ("application/json;odata.metadata=minimal;IEEE754Compatible=true", "json"),
        ("APPLICATION/JSON", "json"),
        ("application/json;q=1.0", "json"),
        ("text/csv;charset=UTF-8", "csv"),
        ("text/csv;charset=utf8;header=present;q=0.5", "csv"),
        ("text/csv;header=absent", None),
        ("text/csv;charset=iso-8859-1", None),
        ("text/csv;charset=iso-8859-1, */*;q=0.1", "json"),
        ("application/json;q=0, */*", "csv"),
        ("application/json;q=0", None),
        ("*/*;q=0", None),
        ("text/*;q=0.9, application/*;q=0.2", "csv"),
        ("application/*, application/json;q=0.1", "ndjson"),
        ("text/csv;q=0.5, */*;q=0.5", "csv"),
        ("text/csv, application/json", "json"),
        ('image/png;note="a, text/csv", application/x-ndjson', "ndjson"),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", "json"),
        (", ,application/x-ndjson,", "ndjson"),
        ("", "json"),
        ("*", None),
        ("json", None),
        ("text/csv;q=2", None),
        ("text/csv;q=much, application/x-ndjson;q=0.001", "ndjson"),
        ("text/csv;q=0.0001, application/json;q=0.0", None),
    ],
)
def test_accept_chooses_by_weight_and_by_the_parameters_that_matter(
    client: FlaskClient, accept: str, expected: str | None
) -> None:
    reply = client.get(ASKED, headers={"Accept": accept})
    if expected is None:
        assert (reply.status_code, reply.json["type"]) == (406, "/errors/not-acceptable")
    else:
        assert (reply.status_code, reply.content_type) == (200, FORMATS[expected].media_type)


WEIGHTS = st.sampled_from(["", ";q=0", ";q=0.4", "; q=0.7", ";Q=1"])
KINDS = ["*/*", "text/*", "application/*", "image/png", *OFFERED.values(), "application/json;charset=utf-8"]


@given(ranges=st.lists(st.tuples(st.sampled_from(KINDS), WEIGHTS), max_size=5))
def test_no_type_is_chosen_that_another_beats(ranges: list[tuple[str, str]]) -> None:
    accept = ", ".join(kind + weight for kind, weight in ranges)

    def weight_of(label: str) -> float:
        """The weight of the most specific range; of equal ones the highest."""
        kind = label.partition(";")[0]
        for pattern in ((label, "application/json;charset=utf-8"), (f"{kind.partition('/')[0]}/*",), ("*/*",)):
            found = [
                float(weight.partition("=")[2] or 1)
                for name, weight in ranges
                if name in pattern and (name.partition(";")[0] == kind or "*" in name)
            ]
            if found:
                return max(found)
        return 0.0

    weights = {name: weight_of(label) for name, label in OFFERED.items()}
    chosen = choose(accept, OFFERED)
    assert (chosen is None) == (max(weights.values()) == 0)
    assert chosen is None or weights[chosen] == max(weights.values())
