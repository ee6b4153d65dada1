"""Transforms: how partition columns derive from source columns.

| declared | partition value | type in SQL |
| --- | --- | --- |
| ``identity`` | the value | of the source |
| ``year`` | ``2013`` | INTEGER |
| ``month`` | ``2013-06`` | VARCHAR |
| ``day`` | ``2013-06-01`` | DATE |
| ``hour`` | ``2013-06-01-09`` | VARCHAR |
| ``month_of_year``, ``day_of_month``, ``hour_of_day`` | a number, for ``year=/month=/day=`` layouts | INTEGER |
| ``bucket[N]`` | murmur3 of the value modulo N (Iceberg table spec, Appendix B) | INTEGER |
| ``truncate[W]`` | numbers rounded down to a multiple of W, texts cut to W characters | of the source |
| ``range[a, b, c]`` | ``..a``, ``a..b``, ``b..c``, ``c..`` (half open) | VARCHAR |
| ``lookup{a: x, b: y, *: z}`` | the declared value | VARCHAR |

NULL has no folder text: it goes to the default partition, where Hive and Spark put the empty text too.
"""

from gateway.catalog.transforms.base import Spans, Transform, TransformError, WideSpans
from gateway.catalog.transforms.calendar import Calendar, joint_spans
from gateway.catalog.transforms.hashing import Bucket, hashes
from gateway.catalog.transforms.parse import CALENDAR, KINDS, parse_transform
from gateway.catalog.transforms.tables import LookupTransform, Range
from gateway.catalog.transforms.values import Identity, Truncate

__all__ = [
    "CALENDAR",
    "KINDS",
    "Bucket",
    "Calendar",
    "Identity",
    "LookupTransform",
    "Range",
    "Spans",
    "Transform",
    "TransformError",
    "Truncate",
    "WideSpans",
    "hashes",
    "joint_spans",
    "parse_transform",
]
