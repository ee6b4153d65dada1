"""Datasets and their versions as JSON, for the command line and for HTTP: nothing of where the files are."""

from __future__ import annotations

from typing import Any

from gateway.catalog.table import Table
from gateway.catalog.versions import DatasetVersion, Versions
from gateway.datasets.build import Built


def described(table: Table, versions: Versions | None) -> dict[str, Any]:
    """Describe a dataset: its query, its newest version, its tags. *versions* None: its location is not there yet."""
    newest = None if versions is None else versions.newest()
    return {
        "dataset": table.name,
        "description": table.description,
        "query": table.query,
        "partitioned_by": [f"{field.column} = {field.transform}({field.source})" for field in table.written_by],
        "newest": None if newest is None else summary(newest),
        "tags": {} if versions is None else dict(sorted(versions.tags().items())),
    }


def summary(version: DatasetVersion) -> dict[str, Any]:
    """Describe a version in few numbers; ``new`` counts the partitions that the version before had not."""
    return {
        "version": version.version,
        "created_at": version.origin()["created_at"],
        "query": version.query,
        "partitions": len(version.partitions),
        "new": sum(part.since == version.version for part in version.partitions),
        "rows": version.rows,
        "files": len(version.files),
        "bytes": version.size,
        "digest": version.digest,
    }


def of_build(built: Built) -> dict[str, Any]:
    """Describe what came of a build."""
    version = built.version
    return {
        "dataset": version.dataset,
        "version": version.version,
        "published": built.published,
        "partitions": len(version.partitions),
        "unchanged": built.unchanged,
        "built": built.built,
        "resumed": built.resumed,
        "lost": built.lost,
        "removed": built.removed,
        "rows": version.rows,
        "files": len(version.files),
        "bytes": version.size,
        "inputs": dict(built.inputs),
        "seconds": built.seconds,
    }


def lineage(version: DatasetVersion) -> dict[str, Any]:
    """Describe what a version was made of, and each of its partitions."""
    return (
        summary(version)
        | version.origin()
        | {
            "dataset": version.dataset,
            "build": version.build,
            "sql": version.sql,
            "columns": [{"name": column.name, "type": column.type} for column in version.columns],
            "levels": list(version.levels),
            "of_partitions": [
                {
                    "key": list(part.key),
                    "identity": part.identity,
                    "since": part.since,
                    "rows": part.rows,
                    "bytes": sum(file.size for file in part.files),
                }
                for part in version.partitions
            ],
        }
    )
