"""Picklists, sets of codes, and sales stages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from prmsync.domain.stage import Stage
from prmsync.domain.values import Scalar
from prmsync.mapping.transforms.codec import (
    Codec,
    Convert,
    Untranslatable,
    composed,
    same_both_ways,
)
from prmsync.mapping.transforms.text import canon_text

Table = Mapping[str, tuple[str, ...]]


def _reversed(table: Table) -> dict[str, str]:
    """CRM code → our code; the first that names it."""
    found: dict[str, str] = {}
    for code, theirs in table.items():
        for their in theirs:
            found.setdefault(their, code)
    return found


def picklist_codec(table: Table | None) -> Codec:
    """Codes translated by `table`; without one they are the same on both sides."""
    if table is None:
        return same_both_ways(canon_text, canon_text)
    write = _lookup({code: theirs[0] for code, theirs in table.items() if theirs}, "written")
    return composed(_lookup(_reversed(table), "read"), write)


def _lookup(table: Mapping[str, str], verb: str) -> Convert:
    def convert(value: Scalar) -> Scalar:
        found = table.get(value) if isinstance(value, str) else None
        if found is not None:
            return found
        text = canon_text(value)
        if text is None:
            return None
        if text in table:
            return table[text]
        raise Untranslatable(
            f"`{_short(text)}` cannot be {verb}: no code of the picklist",
            "add it to `picklist` in the mapping",
        )

    return convert


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


def multi_picklist_codec(table: Table | None) -> Codec:
    """Sets of codes, sorted and joined by ";"."""
    single = picklist_codec(table)
    return Codec(_each(single.read), _each(single.write), _each(single.project))


def _each(convert: Convert) -> Convert:
    @lru_cache(maxsize=1024)
    def all_of(value: Scalar) -> Scalar:
        text = canon_text(value)
        if text is None:
            return None
        codes = {convert(part) for part in text.split(";")}
        return ";".join(sorted(str(code) for code in codes if code is not None)) or None

    return all_of


class StageCodec:
    """Neutral stages by pipeline id: the first CRM stage of a neutral one is written."""

    def __init__(self, stages: Mapping[str, Mapping[Stage, tuple[str, ...]]], at: str) -> None:
        self._writes = {
            pipeline: {str(stage): ids[0] for stage, ids in table.items() if ids}
            for pipeline, table in stages.items()
        }
        self._reads = {
            pipeline: _reversed({str(stage): ids for stage, ids in table.items()})
            for pipeline, table in stages.items()
        }
        self._at = at

    def read(self, value: Scalar, pipeline: str) -> Scalar:
        return self._find(self._reads, value, pipeline, "the CRM's stage")

    def write(self, value: Scalar, pipeline: str) -> Scalar:
        return self._find(self._writes, value, pipeline, "stage")

    def project(self, value: Scalar, pipeline: str) -> Scalar:
        return self.read(self.write(value, pipeline), pipeline)

    def _find(
        self, tables: Mapping[str, Mapping[str, str]], value: Scalar, pipeline: str, what: str
    ) -> Scalar:
        if value is None or value == "":
            return None
        table = tables.get(pipeline)
        if table is None:
            raise Untranslatable(
                f"the record's pipeline `{pipeline}` is not mapped",
                f"add it under `stages.pipelines` ({self._at})",
            )
        found = table.get(str(value))
        if found is None:
            raise Untranslatable(
                f"{what} `{_short(str(value))}` is not mapped in pipeline `{pipeline}`",
                f"add it under `stages.pipelines` ({self._at})",
            )
        return found
