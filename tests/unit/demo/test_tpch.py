"""A TPC-H query becomes a template that the registry takes."""

from __future__ import annotations

from decimal import Decimal

from gateway.demo.tpch import template
from gateway.query.template import Template

SQL = """
SELECT count(*) AS n FROM lineitem
WHERE l_shipdate < DATE '1995-01-01' AND l_quantity < 24 AND l_shipmode IN ('AIR')
"""
TYPES = {"l_shipdate": "DATE", "l_quantity": "DECIMAL(15,2)", "l_shipmode": "VARCHAR"}


def test_a_template_is_made_whose_defaults_are_the_literals() -> None:
    text = template(SQL, TYPES, "Forecasting revenue change")
    made = Template.load(text, path="q06/v1.sql", name="q06", version=1, tables=["lineitem"])
    bound = made.bind({})
    assert made.front.summary == "Forecasting revenue change"
    assert {name: value.type for name, value in bound.parameters.items()} == {
        "l_shipdate_before": "DATE",
        "l_quantity_before": "DECIMAL(15,2)",
        "l_shipmode_in": "VARCHAR[]",
    }
    assert bound.parameters["l_quantity_before"].value == Decimal("24.00")
    assert bound.parameters["l_shipmode_in"].value == ["AIR"]


def test_another_value_can_be_given() -> None:
    made = Template.load(template(SQL, TYPES, "S"), path="q06/v1.sql", name="q06", version=1, tables=["lineitem"])
    assert made.bind({"l_quantity_before": "7.5"}).parameters["l_quantity_before"].value == Decimal("7.50")
