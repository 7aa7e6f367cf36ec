"""What --json prints, as JSON Schema (2020-12): most of it from the dataclasses that are printed. A module a room."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from shapes import access, archive, changes, cines, cohorts, evaluation, insight, probes, search, understanding
from shapes.base import OPTIONAL, Commands

__all__ = ["SCHEMAS", "schema_of"]

_WHERE_TRUE = {"Fact": {"inherited", "walls"}}  # keys of a dataclass that are printed where they are true, or not empty

SCHEMAS: Commands = {
    **search.COMMANDS,
    **understanding.COMMANDS,
    **changes.COMMANDS,
    **insight.COMMANDS,
    **probes.COMMANDS,
    **cines.COMMANDS,
    **cohorts.COMMANDS,
    **archive.COMMANDS,
    **evaluation.COMMANDS,
    **access.COMMANDS,
}


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema of what a command prints: every object closed, every key that is always there required."""
    command, shape = SCHEMAS[name]
    schema = TypeAdapter(shape).json_schema()
    for kind, part in (("", schema), *schema.get("$defs", {}).items()):
        part.pop("title", None)
        optional = _WHERE_TRUE.get(kind, set()) | {
            key for key, value in part.get("properties", {}).items() if value.get("default") == OPTIONAL
        }
        for value in part.get("properties", {}).values():
            value.pop("title", None)
            value.pop("default", None)  # of a dataclass, which is printed with all its fields
        if "properties" in part:
            part["required"] = [key for key in part["properties"] if key not in optional]
            part["additionalProperties"] = False
    schema.pop("description", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": command,
        "description": f"What `{command}` prints. Keys may be added in a later version; none is renamed or removed.",
        **schema,
    }
