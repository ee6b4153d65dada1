"""``gateway test --update`` changes the rows that are expected and not a character besides."""

from __future__ import annotations

import pytest
import yaml

from gateway.authoring.update import updated

ROWS = [{"carrier": "UA", "at": "2013-01-01T00:00:00", "mean delay": 3.5, "n": None, "no": True}]
WRITTEN = '- {carrier: UA, at: "2013-01-01T00:00:00", mean delay: 3.5, "n": null, "no": true}'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "# head\ntests:\n  - name: one\n    rows:   # as of May\n      - {a: 1}\n      - a: 2\n\n"
            "    # tail\n    reads: {files: 1}\n",
            f"# head\ntests:\n  - name: one\n    rows:\n      {WRITTEN}\n\n    # tail\n    reads: {{files: 1}}\n",
        ),
        ("tests:\n  - name: one\n    rows: []\n", f"tests:\n  - name: one\n    rows:\n      {WRITTEN}\n"),
        ("tests:\n  - name: one\n    rows: []", f"tests:\n  - name: one\n    rows:\n      {WRITTEN}"),
        (
            "tests:\n- name: one   # said\n  parameters: {a: 1}  # why\n- name: two\n",
            f"tests:\n- name: one   # said\n  parameters: {{a: 1}}  # why\n  rows:\n    {WRITTEN}\n- name: two\n",
        ),
        (
            "tests:\n  - name: one\n    tables:\n      t:\n        rows: |\n          a\n          1\n  - name: two\n",
            "tests:\n  - name: one\n    tables:\n      t:\n        rows: |\n          a\n          1\n"
            f"    rows:\n      {WRITTEN}\n  - name: two\n",
        ),
    ],
)
def test_rows_are_written_in_place(before: str, after: str) -> None:
    assert updated(before, {0: ROWS}) == after


def test_several_tests_are_written_at_once() -> None:
    text = "tests:\n  - name: one\n    rows: []\n  - name: two\n  - name: three\n    rows: []\n"
    made = yaml.safe_load(updated(text, {0: [{"a": 1}], 2: [{"a": 3}, {"a": 4}]}))
    assert [test.get("rows") for test in made["tests"]] == [[{"a": 1}], None, [{"a": 3}, {"a": 4}]]


def test_no_rows_are_written_as_an_empty_list() -> None:
    assert updated("tests:\n  - name: one\n    rows:\n      - {a: 1}\n", {0: []}) == (
        "tests:\n  - name: one\n    rows: []\n"
    )


@pytest.mark.parametrize("value", ["yes", "NULL", "a: b", "#", "", " x", "1", "2013-01-01", "é", "it's", "{", "\n"])
def test_every_text_is_read_back_as_it_was(value: str) -> None:
    made = yaml.safe_load(updated("tests:\n  - name: one\n", {0: [{"a": value}]}))
    assert made["tests"][0]["rows"] == [{"a": value}]
