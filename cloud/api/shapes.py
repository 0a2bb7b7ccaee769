"""Of what JSON Schemas of the API's answers are made: numbers, times, lists, objects."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from contract.catalogue.rules import Level

Schema = dict[str, Any]


def object_of(**properties: Schema) -> Schema:
    """All of them are always there."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def with_some(schema: Schema, **properties: Schema) -> Schema:
    """And these, which are there now and then."""
    return {**schema, "properties": {**schema["properties"], **properties}}


def list_of(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def one_of(words: type[StrEnum] | Iterable[str]) -> Schema:
    return {"type": "string", "enum": [str(w) for w in words]}


def or_null(schema: Schema) -> Schema:
    nullable = {**schema, "type": [schema["type"], "null"]}
    return {**nullable, "enum": [*schema["enum"], None]} if "enum" in schema else nullable


TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
TIME: Schema = {"type": "string", "format": "date-time"}
MS: Schema = {"type": "integer", "description": "UTC milliseconds"}
FLAG: Schema = {"type": "integer", "enum": [1, 2, 3, 4, 9], "description": "QARTOD"}
LEVEL = one_of(Level)
NAMES: Schema = {"type": "object", "propertyNames": {"enum": ["zh", "en"]}, "additionalProperties": TEXT}
HASH: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
BOOLEAN: Schema = {"type": "boolean"}
