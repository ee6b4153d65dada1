"""Reads the answers of a Query Gateway into Arrow, pandas, Polars and DuckDB.

from query_gateway_client import Client

qg = Client("https://gateway.example", key=key)
frame = qg.read("plane_history", tailnum="N328AA").polars()
"""

from __future__ import annotations

from query_gateway_client.answer import About, Answer
from query_gateway_client.asynchronous import AsyncClient
from query_gateway_client.client import Client
from query_gateway_client.errors import (
    Busy,
    ClientError,
    ConnectionFailed,
    DeadlineExceeded,
    GatewayProblem,
    Gone,
    InvalidParameters,
    MissingLibrary,
    NotAllowed,
    NotFound,
    QuestionInvalid,
    StreamCut,
)
from query_gateway_client.retry import Retry
from query_gateway_client.splits import Plan, Split
from query_gateway_client.streams import AsyncStream, Stream
from query_gateway_client.training import TrainingRows

__all__ = [
    "About",
    "Answer",
    "AsyncClient",
    "AsyncStream",
    "Busy",
    "Client",
    "ClientError",
    "ConnectionFailed",
    "DeadlineExceeded",
    "GatewayProblem",
    "Gone",
    "InvalidParameters",
    "MissingLibrary",
    "NotAllowed",
    "NotFound",
    "Plan",
    "QuestionInvalid",
    "Retry",
    "Split",
    "Stream",
    "StreamCut",
    "TrainingRows",
]
