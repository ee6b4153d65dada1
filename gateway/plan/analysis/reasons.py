"""Why a filter does not prune a scan, in the words of an explanation."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The reasons that do not depend on the filter; those of an expression name it, see ``terms.Opaque``."""

    # A construct of the SELECT stands between the filter and the rows.
    LIMIT = "blocked by LIMIT"
    DISTINCT_ON = "blocked by DISTINCT ON"
    WINDOW = "blocked by a window"
    GROUP_BY = "blocked by GROUP BY"
    SAMPLE = "SAMPLE"
    PIVOT = "PIVOT"
    UNION_BY_NAME = "UNION BY NAME"

    # The filter is on the wrong side of a join.
    LEFT_PRESERVED = "preserved side of LEFT JOIN"
    RIGHT_PRESERVED = "preserved side of RIGHT JOIN"
    LEFT_NULLABLE = "null-supplying side of LEFT JOIN"
    RIGHT_NULLABLE = "null-supplying side of RIGHT JOIN"
    FULL_NULLABLE = "null-supplying side of FULL JOIN"
    FULL = "FULL JOIN"
    ANTI = "ANTI JOIN"
    ASOF = "ASOF JOIN"
    POSITIONAL = "POSITIONAL JOIN"

    # The filter cannot be said in terms of the columns of the source.
    COMPUTED_COLUMN = "computed column"
    FOREIGN_COLUMN = "foreign column"
    TYPE = "type"
    TYPES_OF_ARMS = "type differs between arms"
    OTHER_REFERENCE = "another reference needs all"

    # The statement has a shape that the analysis does not know.
    UNKNOWN_SOURCE = "source not understood"
    UNKNOWN_SELECT = "SELECT not understood"
    UNKNOWN_SET_OPERATION = "set operation not understood"

    # The filter reached the scan, and prunes nothing there.
    NOT_PRUNING = "column does not prune"
    NO_CONSTRAINT = "the values given ask for nothing"
    HOLDS_EVERYWHERE = "holds in every partition"
