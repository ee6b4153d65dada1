"""Write rows into a table as partitioned Parquet."""

from gateway.writer.base import Files, InputFormat, Mode, OnProgress, Options, Progress, Stage, WriteSummary
from gateway.writer.source import Source
from gateway.writer.write import write

__all__ = [
    "Files",
    "InputFormat",
    "Mode",
    "OnProgress",
    "Options",
    "Progress",
    "Source",
    "Stage",
    "WriteSummary",
    "write",
]
