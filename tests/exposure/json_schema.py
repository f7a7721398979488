"""Enough of JSON Schema to hold our output against a schema: what the schemas here use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}
KNOWN = {
    "$schema", "$id", "$defs", "$ref", "title", "description", "default", "type", "enum", "const",
    "properties", "required", "additionalProperties", "items", "anyOf", "pattern", "minItems",
    "uniqueItems", "minimum", "maximum",
}  # fmt: skip


def faults(
    value: Any, schema: Schema, root: Schema | None = None, path: str = "$"
) -> Iterator[str]:
    """Yield what of *value* does not fit *schema*."""
    root = schema if root is None else root
    assert set(schema) <= KNOWN, f"this checker does not know {set(schema) - KNOWN}"
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        yield from faults(value, root["$defs"][name], root, path)
    if "anyOf" in schema and not any(
        next(faults(value, option, root, path), None) is None for option in schema["anyOf"]
    ):
        yield f"{path}: fits none of {len(schema['anyOf'])}"
    yield from _scalar_faults(value, schema, path)
    if isinstance(value, dict):
        yield from _object_faults(value, schema, root, path)
    if isinstance(value, list):
        yield from _array_faults(value, schema, root, path)


def _scalar_faults(value: Any, schema: Schema, path: str) -> Iterator[str]:
    if "type" in schema:
        wanted = _TYPES[schema["type"]]
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            yield f"{path}: {type(value).__name__} is no {schema['type']}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{path}: {value!r} is not {schema['const']!r}"
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        yield f"{path}: {value!r} does not match {schema['pattern']}"
    if isinstance(value, int | float) and not (
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
    ):
        yield f"{path}: {value} is out of range"


def _object_faults(value: Schema, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    properties = schema.get("properties", {})
    yield from (
        f"{path}: {key} is missing" for key in schema.get("required", ()) if key not in value
    )
    for key, entry in value.items():
        if key in properties:
            yield from faults(entry, properties[key], root, f"{path}.{key}")
            continue
        others = schema.get("additionalProperties", True)
        if others is False:
            yield f"{path}: {key} does not belong here"
        elif isinstance(others, dict):
            yield from faults(entry, others, root, f"{path}.{key}")


def _array_faults(value: list[Any], schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if len(value) < schema.get("minItems", 0):
        yield f"{path}: too few"
    if schema.get("uniqueItems") and any(entry in value[:n] for n, entry in enumerate(value)):
        yield f"{path}: twice the same"
    for number, entry in enumerate(value):
        if "items" in schema:
            yield from faults(entry, schema["items"], root, f"{path}[{number}]")
