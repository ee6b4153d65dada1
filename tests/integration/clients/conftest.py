"""A gateway whose answers real clients read, and where they find its results."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from fault_proxy import FaultProxy, Program, sound
from npm import Npm, find_npm
from query_gateway_client import Client, Retry
from readings import END, START, make_project
from real_servers import server_missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A running gateway as a client knows it: by the addresses of its results."""

    base: str

    def of(self, query: str, suffix: str, **parameters: Any) -> str:
        """Return the address of a result. *suffix* is ``.csv`` and the like, or empty."""
        return f"{self.base}/v1/queries/{query}/v1/result{suffix}?{urlencode(parameters, doseq=True)}"

    def readings(self, suffix: str, **more: Any) -> str:
        """Return the address of all rows of ``readings``."""
        return self.of("readings", suffix, start=START, end=END, **more)


@pytest.fixture(scope="session")
def readings_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("readings"))


@pytest.fixture(scope="module")
def gateway(serve_for_module: Any, readings_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two workers over the readings, with a state folder of their own."""
    return serve_for_module(readings_project, {"GATEWAY_STATE": str(tmp_path_factory.mktemp("state"))})


@pytest.fixture(scope="module")
def address(gateway: Any) -> Address:
    return Address(base=f"http://{gateway.host}:{gateway.port}")


@pytest.fixture
def npm(tmp_path: Path) -> Npm:
    """Node.js in a folder where the npm packages are found."""
    return find_npm(tmp_path / "web")


@pytest.fixture(scope="session")
def torch_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with PyTorch and what the client needs: this one, or the system's with Debian's ``python3-torch``."""
    if find_spec("torch") is not None:
        return Path(sys.executable)
    system = Path("/usr/bin/python3")
    if not system.exists() or subprocess.run([system, "-c", "import torch"], capture_output=True).returncode:
        server_missing("PyTorch is not installed: apt-get install python3-torch python3-venv")
    made = tmp_path_factory.mktemp("torch")
    subprocess.run([system, "-m", "venv", "--system-site-packages", made], check=True)
    # The newest pyarrow that takes the NumPy of Debian 12 too.
    subprocess.run(
        [made / "bin/pip", "install", "--quiet", "pyarrow==19.0.1", "httpx>=0.27,<1", "urllib3>=2.2,<3"], check=True
    )
    return made / "bin/python"


# The Python client. A module that uses these has a fixture ``server``, and a ``retry`` of its own where it needs one.


@pytest.fixture
def retry() -> Retry:
    return Retry(times=5, first=0.001, longest=0.01)


@pytest.fixture(scope="module")
def proxy(server: Any, free_ports: Callable[[int], list[int]]) -> Iterator[FaultProxy]:
    [port] = free_ports(1)
    with FaultProxy(server=f"http://127.0.0.1:{server.port}", port=port) as running:
        yield running


@pytest.fixture
def through(proxy: FaultProxy) -> Iterator[Callable[[Program], FaultProxy]]:
    """Set the proxy's program, and count anew."""

    def programmed(program: Program) -> FaultProxy:
        proxy.program = program
        proxy.requests.clear()
        proxy.faults.clear()
        return proxy

    yield programmed
    proxy.program = sound


@pytest.fixture
def qg(server: Any, tmp_path: Path, retry: Retry) -> Iterator[Client]:
    with Client(f"http://127.0.0.1:{server.port}", cache=tmp_path / "kept", retry=retry) as client:
        yield client


@pytest.fixture
def shaky(proxy: FaultProxy, tmp_path: Path, retry: Retry) -> Iterator[Client]:
    """A client whose way to the gateway is the proxy."""
    with Client(proxy.endpoint, cache=tmp_path / "kept", retry=retry) as client:
        yield client
