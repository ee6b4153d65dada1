"""The OpenAPI document is valid, and it describes the routes that there are."""

from __future__ import annotations

import re

from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator


def test_the_document_is_valid(client: FlaskClient) -> None:
    OpenAPIV31SpecValidator(client.get("/openapi.json").json).validate()


def test_the_document_describes_exactly_the_routes(client: FlaskClient) -> None:
    document = client.get("/openapi.json").json
    described = {
        (method.upper(), re.sub(r"/v1/queries/delays/v[12](?=/|$)", "/v1/queries/{name}/{version}", path))
        for path, item in document["paths"].items()
        for method in item
        if method in ("get", "post", "put", "delete")
    }
    served = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in client.application.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.endpoint != "pages.static"
    }
    other_spellings = {rule for rule in served if rule[1].endswith("result.{suffix}")}
    assert described == served - other_spellings


def test_each_version_has_its_own_parameters(client: FlaskClient) -> None:
    paths = client.get("/openapi.json").json["paths"]
    parameters = {
        one["name"]: one for one in paths["/v1/queries/delays/v2/result"]["get"]["parameters"] if "name" in one
    }
    assert parameters["start"]["required"] is True
    assert parameters["start"]["schema"] == {"type": "string", "format": "date"}
    assert parameters["start"]["example"] == "2013-01-01"
    assert parameters["carriers"]["schema"]["type"] == "array"
    assert parameters["top"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}
    options = [one for one in paths["/v1/queries/delays/v1/result"]["get"]["parameters"] if "name" in one]
    assert options == []


def test_a_deprecated_version_is_marked(client: FlaskClient) -> None:
    paths = client.get("/openapi.json").json["paths"]
    assert paths["/v1/queries/delays/v1/result"]["get"]["deprecated"] is True
    assert paths["/v1/queries/delays/v2/result"]["get"]["deprecated"] is False


def test_the_document_is_validated_by_its_tag_when_it_is_asked_for_again(client: FlaskClient) -> None:
    tag = client.get("/openapi.json").headers["ETag"]
    assert client.get("/openapi.json", headers={"If-None-Match": tag}).status_code == 304


def test_a_row_of_each_version_is_a_schema_with_a_name(client: FlaskClient) -> None:
    document = client.get("/openapi.json").json
    schema = document["paths"]["/v1/queries/delays/v2/result"]["get"]["responses"]["200"]["content"]["application/json"]
    named = schema["schema"]["properties"]["data"]["anyOf"][0]["items"]["$ref"]
    assert named == "#/components/schemas/delays_v2_row"
    assert document["components"]["schemas"]["delays_v2_row"]["type"] == "object"


def test_an_answer_that_is_promised_data_has_it(client: FlaskClient) -> None:
    content = client.get("/openapi.json").json["paths"]["/v1/queries/delays/v2/result"]["get"]["responses"]["200"]
    assert content["content"]["application/json"]["schema"]["required"] == ["data"]


def test_no_format_is_of_an_unknown_type(client: FlaskClient) -> None:
    content = client.get("/openapi.json").json["paths"]["/v1/queries/delays/v2/result"]["get"]["responses"]["200"]
    assert [name for name, body in content["content"].items() if body["schema"] == {}] == []
