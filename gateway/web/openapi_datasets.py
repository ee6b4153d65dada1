"""What the OpenAPI document says of datasets and their builds."""

from __future__ import annotations

from typing import Any

from gateway.web.openapi_jobs import cancelling, looking, submitted
from gateway.web.openapi_parts import Operation, problems, read, references

_TAG = {"type": "string", "description": "A name for the version that comes of it."}
_ASKED = {"type": "object", "properties": {"tag": _TAG}, "additionalProperties": False}


def dataset_paths() -> dict[str, Any]:
    """Describe the addresses below ``/v1/datasets``."""
    builds = read("list_builds", "The builds of a dataset, the newest first", "datasets", parameters=["table"])
    builds["responses"] |= problems((502,))
    return {
        "/v1/datasets": {"get": read("list_datasets", "All datasets, with their newest versions", "datasets")},
        "/v1/datasets/{table}": {
            "get": read("describe_dataset", "A dataset and its versions", "datasets", parameters=["table"])
        },
        "/v1/datasets/{table}/versions": {
            "get": read(
                "list_versions", "The versions of a dataset, the newest first", "datasets", parameters=["table"]
            )
        },
        "/v1/datasets/{table}/versions/{number}": {"get": _lineage()},
        "/v1/datasets/{table}/tags/{tag}": {"put": _tag(), "delete": _untag()},
        "/v1/datasets/{table}/builds": {"get": builds, "post": _build()},
        "/v1/datasets/{table}/builds/{job}": {
            "get": looking("describe_build", "build", "datasets", ("table", "job")),
            "delete": cancelling("cancel_build", "build", "datasets", ("table", "job")),
        },
    }


def _lineage() -> Operation:
    found = read("describe_version", "What a version was made of", "datasets", parameters=["table", "dataset_version"])
    found["responses"] |= problems((401, 403, 502))
    return found


def _tag() -> Operation:
    version = {"type": "string", "description": "The version to name: `v7`, or a tag of it."}
    move = {"type": "boolean", "default": False, "description": "Take the tag from the version that has it."}
    schema = {
        "type": "object",
        "properties": {"version": version, "move": move},
        "required": ["version"],
        "additionalProperties": False,
    }
    content = {"application/json": {"schema": {"type": "object"}}}
    return {
        "operationId": "tag_version",
        "summary": "Name a version of a dataset",
        "tags": ["datasets"],
        "parameters": references(("table", "tag")),
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "200": {"description": "The tag was there, and is that of this version now.", "content": content},
            "201": {"description": "The tag is new.", "content": content},
            **problems((400, 401, 403, 404, 409, 413, 415, 422, 502)),
        },
    }


def _untag() -> Operation:
    return {
        "operationId": "remove_tag",
        "summary": "Remove a tag of a dataset",
        "tags": ["datasets"],
        "parameters": references(("table", "tag")),
        "responses": {"204": {"description": "It is gone."}, **problems((400, 401, 403, 404, 409, 502))},
    }


def _build() -> Operation:
    return submitted(
        "build_dataset",
        "Build a new version of a dataset",
        "build",
        tag="datasets",
        parameters=references(("table", "idempotency_key", "prefer")),
        body={"required": False, "content": {"application/json": {"schema": _ASKED}}},
    )
