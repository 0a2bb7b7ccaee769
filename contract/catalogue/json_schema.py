"""JSON Schema of a district's files, for editors that complete and underline while one writes. Pure.

It says what a file's shape may be: names, types, bounds, words. What must fit together is said by `check` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from contract.catalogue.devices import GatewaysFile
from contract.catalogue.places import DistrictFile
from contract.catalogue.plan import ResponsePlanFile
from contract.catalogue.protocols import Protocols
from contract.catalogue.rules import RulesFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN: Mapping[str, type[BaseModel]] = {
    "district": DistrictFile,
    "rules": RulesFile,
    "response_plan": ResponsePlanFile,
}
KINDS = ("device", "gateways", *_PLAIN)
_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


class _Generator(GenerateJsonSchema):
    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 -- as the library has it


def schema_of(kind: str, protocols: Protocols) -> dict[str, Any]:
    """The schema of a kind of file, one of `KINDS`. Raises KeyError for another.

    device: chosen by the protocol that the file names; the buses of gateways: by their kind.
    """
    if kind == "device":
        files = {name: d.device_file for name, d in protocols.by_name.items()}
        return {
            "$schema": DIALECT,
            "title": "Device file",
            **_chosen_by("protocol", files),
            "$defs": _defs(files.values()),
        }
    if kind == "gateways":
        defs = _defs([GatewaysFile, *protocols.bus_models.values()])
        defs["Gateway"]["properties"]["buses"]["items"] = _chosen_by("kind", protocols.bus_models)
        return {"$schema": DIALECT, "$ref": "#/$defs/GatewaysFile", "$defs": defs}
    return schema_of_model(_PLAIN[kind])


def schema_of_model(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a file that has this model."""
    return {"$schema": DIALECT, "$ref": f"#/$defs/{model.__name__}", "$defs": _defs([model])}


def _chosen_by(key: str, models: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """Of the model that a word of the file chooses; an editor then tells what is wrong with that one alone."""
    return {
        "type": "object",
        "required": [key],
        "properties": {key: {"enum": list(models)}},
        "allOf": [
            {"if": {"properties": {key: {"const": word}}, "required": [key]}, "then": {"$ref": f"#/$defs/{m.__name__}"}}
            for word, m in models.items()
        ],
    }


def _defs(models: Any) -> dict[str, Any]:
    _, made = models_json_schema([(m, "validation") for m in models], schema_generator=_Generator)
    found: dict[str, Any] = _plain(made["$defs"])
    return found


def _plain(found: Any) -> Any:
    """Bounds by the names that JSON Schema has for them: the library leaves its own on what is checked beforehand."""
    if isinstance(found, list):
        return [_plain(x) for x in found]
    if not isinstance(found, dict):
        return found
    return {_BOUNDS.get(k, k) if isinstance(v, int | float) else k: _plain(v) for k, v in found.items()}
