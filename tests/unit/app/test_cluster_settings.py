"""Which clusters the settings accept, and what is said of others."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.app.cluster import ClusterOpener
from gateway.config import load_settings
from gateway.errors import SettingsInvalid
from gateway.telemetry.events import unobserved

CERTIFICATES = {
    "GATEWAY_CLUSTER_CA": "ca.pem",
    "GATEWAY_CLUSTER_CERTIFICATE": "own.pem",
    "GATEWAY_CLUSTER_KEY": "own.key",
}


def refusal(project: Path, environment: Mapping[str, str]) -> str:
    with pytest.raises(SettingsInvalid) as raised:
        load_settings(project, environment)
    return str(raised.value)


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:8786", "tcp://localhost:1", "tcp://[::1]:8786", "tcp://127.9.0.1:1"]
)
def test_a_scheduler_on_this_machine_may_be_reached_in_plain(tmp_path: Path, address: str) -> None:
    assert load_settings(tmp_path, {"GATEWAY_CLUSTER_DASK": address}).cluster.dask == address


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:8786", "tcp://scheduler:8786", "tcp://localhost.example:8786"])
def test_a_scheduler_elsewhere_may_not(tmp_path: Path, address: str) -> None:
    assert "is reached by TLS" in refusal(tmp_path, {"GATEWAY_CLUSTER_DASK": address})


@pytest.mark.parametrize(
    "address", ["scheduler:8786", "http://localhost:8786", "tls://scheduler", "tcp://localhost:99999", "tls://u:p@s:1"]
)
def test_what_is_no_address_is_refused_without_being_repeated(tmp_path: Path, address: str) -> None:
    said = refusal(tmp_path, {"GATEWAY_CLUSTER_DASK": address} | CERTIFICATES)
    assert "write tls://host:8786" in said
    assert address not in said


def test_tls_needs_certificates(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {"GATEWAY_CLUSTER_DASK": "tls://s:1"} | CERTIFICATES).cluster.key == Path("own.key")
    some = {"GATEWAY_CLUSTER_DASK": "tls://s:1", "GATEWAY_CLUSTER_CA": "ca.pem"}
    assert "cluster.certificate, cluster.key are not set" in refusal(tmp_path, some)


def test_a_missing_extra_is_told_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "gateway.cluster.dask", raising=False)
    settings = load_settings(tmp_path, {"GATEWAY_CLUSTER_DASK": "tcp://127.0.0.1:1"})
    with pytest.raises(SettingsInvalid, match=r"pip install 'query-gateway\[dask\]'"):
        ClusterOpener(settings, unobserved)


@pytest.mark.parametrize(
    "address",
    ["sc://127.0.0.1:15002", "sc://localhost", "sc://spark:443/;use_ssl=true;token=opensesame;user_id=x"],
)
def test_spark_is_reached_on_this_machine_or_by_tls(tmp_path: Path, address: str) -> None:
    found = load_settings(tmp_path, {"GATEWAY_CLUSTER_SPARK": address}).cluster
    assert found.spark is not None
    assert found.spark.get_secret_value() == address
    assert "opensesame" not in repr(found)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("sc://spark:15002/;token=opensesame", "is reached by TLS"),
        ("spark://spark:7077/;token=opensesame", "not the address of a Spark Connect server"),
        ("sc://user:opensesame@spark:1/;use_ssl=true", "not the address of a Spark Connect server"),
        ("sc://spark:1/;use_ssl=true;opensesame", "the options after ; are name=value"),
    ],
)
def test_another_address_of_spark_is_refused_without_its_token(tmp_path: Path, address: str, reason: str) -> None:
    told = refusal(tmp_path, {"GATEWAY_CLUSTER_SPARK": address})
    assert reason in told
    assert "opensesame" not in told


def test_spark_without_its_client_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gateway.cluster.spark", None)
    settings = load_settings(tmp_path, {"GATEWAY_CLUSTER_SPARK": "sc://127.0.0.1:1"})
    with pytest.raises(SettingsInvalid, match=r"query-gateway\[spark\]"):
        ClusterOpener(settings, unobserved)


@pytest.mark.parametrize("location", ["s3://lake/_spark", "/mnt/spark", "spark", "file:///mnt/spark/"])
def test_spark_spools_to_a_prefix_or_a_folder(tmp_path: Path, location: str) -> None:
    given = {"GATEWAY_CLUSTER_SPARK": "sc://127.0.0.1", "GATEWAY_CLUSTER_SPARK_SPOOL": location}
    assert load_settings(tmp_path, given).cluster.spark_spool == location.rstrip("/")


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("s3://lake", "a prefix is missing: write s3://lake/spark"),
        ("gs://lake/spark", "write s3://bucket/prefix"),
        ("s3a://lake/spark", "s3a:// is not supported"),
        ("lake/*", "a location is one plain folder"),
        ("/", "the root of the machine"),
        ("", "a location is one folder"),
    ],
)
def test_a_spool_elsewhere_is_refused(tmp_path: Path, location: str, reason: str) -> None:
    given = {"GATEWAY_CLUSTER_SPARK": "sc://127.0.0.1", "GATEWAY_CLUSTER_SPARK_SPOOL": location}
    assert reason in refusal(tmp_path, given)


def test_a_spool_without_spark_is_refused(tmp_path: Path) -> None:
    told = refusal(tmp_path, {"GATEWAY_CLUSTER_SPARK_SPOOL": "s3://lake/_spark"})
    assert "cluster.spark_spool: there is no Spark that would write there, for cluster.spark is not set" in told
