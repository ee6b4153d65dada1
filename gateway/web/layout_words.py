"""Folder levels of tables in words, for people who have not read how transforms are written."""

from __future__ import annotations

from itertools import pairwise

from gateway.catalog.partition_field import PartitionField
from gateway.catalog.transforms import Bucket, Calendar, LookupTransform, Range, Truncate
from gateway.catalog.transforms.calendar import PARTS
from gateway.catalog.transforms.tables import DEFAULT


def in_words(field: PartitionField) -> str:
    """Say what the folders of a level are made of.

    >>> in_words(PartitionField(column="day", transform="day", source="ts", zone="Europe/Berlin"))
    'one folder for each day of ts, by the clocks of Europe/Berlin'
    >>> in_words(PartitionField(column="part", transform="bucket[16]", source="id"))
    '16 folders, chosen by a hash of id: all rows of one id lie in the same'
    """
    loose = "" if field.enforced else "; rows may lie in others too, so no filter on it leaves folders out"
    return _made_of(field) + loose


def _made_of(field: PartitionField) -> str:
    source, function = field.source, field.function
    match function:
        case Calendar():
            written = "" if field.format is None else f", written {field.format}"
            zone = "" if field.zone is None else f", by the clocks of {field.zone}"
            if function.repeats:
                _, low, high = PARTS[function.unit]
                return f"the {function.unit.replace('_', ' ')} of {source}, {low} to {high}{zone}{written}"
            return f"one folder for each {function.unit} of {source}{zone}{written}"
        case Bucket():
            return f"{function.count} folders, chosen by a hash of {source}: all rows of one {source} lie in the same"
        case Truncate():
            return f"{source} cut to {function.width}: numbers to the multiple below, texts to their first characters"
        case Range():
            return f"ranges of {source}: {', '.join(_ranges(function))}"
        case LookupTransform():
            pairs = [f"{text} in {value}" for text, value in function.entries if text != DEFAULT]
            others = [] if function.default is None else [f"all others in {function.default}"]
            return f"declared groups of {source}: {', '.join(pairs + others)}"
        case _:
            return f"one folder for each value of {source}"


def _ranges(function: Range) -> list[str]:
    between = [f"{low} to below {high}" for low, high in pairwise(function.bounds)]
    return [f"below {function.bounds[0]}", *between, f"{function.bounds[-1]} and more"]
