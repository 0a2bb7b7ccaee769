"""Reads the YAML files of a district's folder; `contract.catalogue.loader` makes a catalogue of them.

district.yaml, gateways.yaml, rules.yaml, response_plan.yaml     in the folder itself
<model>.yaml     in `devices/` of the folder, or in the `devices/` beside the folder's parent
                 (`configs/devices` for `configs/districts/<name>`)
"""

from __future__ import annotations

from pathlib import Path

from contract.catalogue.catalogue import Catalogue
from contract.catalogue.loader import DistrictDocuments, make_catalogue
from contract.documents import Document
from firmware_bridge.protocols import PROTOCOLS
from host.yaml_config import read_yaml


def load(folder: Path) -> Catalogue:
    """The catalogue of a district. Raises ConfigError with every mistake in the folder, each with file and line."""

    def files(model: str) -> list[Path]:
        return [base / "devices" / f"{model}.yaml" for base in (folder, folder.resolve().parent.parent)]

    def device(model: str) -> Document | None:
        file = next((f for f in files(model) if f.is_file()), None)
        return None if file is None else read_yaml(file)

    return make_catalogue(
        DistrictDocuments(
            district=read_yaml(folder / "district.yaml"),
            gateways=read_yaml(folder / "gateways.yaml"),
            rules=read_yaml(folder / "rules.yaml"),
            response_plan=read_yaml(folder / "response_plan.yaml"),
            device=device,
            device_places=lambda model: " or ".join(str(f) for f in files(model)),
        ),
        PROTOCOLS,
    )
