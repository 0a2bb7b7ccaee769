"""Reads the YAML files of a district's folder; `contract.catalogue.loader` makes a catalogue of them.

district.yaml, gateways.yaml, rules.yaml, response_plan.yaml     in the folder itself
<model>.yaml     in `devices/` of the folder, or in the `devices/` beside the folder's parent
                 (`configs/devices` for `configs/districts/<name>`)
texts/zh.jinja, texts/en.jinja   what warnings say in the district's own words; may be absent
"""

from __future__ import annotations

from pathlib import Path

from contract.catalogue.catalogue import Catalogue
from contract.catalogue.loader import DistrictDocuments, make_catalogue
from contract.catalogue.names import LANGUAGES, Language
from contract.catalogue.texts import TextFile
from contract.documents import ConfigError, Document, Mistake
from firmware_bridge.protocols import PROTOCOLS
from host.files import read_given
from host.yaml_config import read_yaml

_LONGEST_TEXT = 256 * 1024


def load(folder: Path) -> Catalogue:
    """The catalogue of a district. Raises ConfigError with every mistake in the folder, each with file and line."""

    def files(model: str) -> list[Path]:
        return [base / "devices" / f"{model}.yaml" for base in (folder, folder.resolve().parent.parent)]

    def device(model: str) -> Document | None:
        file = next((f for f in files(model) if f.exists()), None)
        return None if file is None else read_yaml(file)

    return make_catalogue(
        DistrictDocuments(
            district=read_yaml(folder / "district.yaml"),
            gateways=read_yaml(folder / "gateways.yaml"),
            rules=read_yaml(folder / "rules.yaml"),
            response_plan=read_yaml(folder / "response_plan.yaml"),
            device=device,
            device_places=lambda model: " or ".join(str(f) for f in files(model)),
            texts=_texts(folder / "texts"),
        ),
        PROTOCOLS,
    )


def _texts(folder: Path) -> dict[Language, TextFile]:
    """The district's templates. Raises ConfigError for one that cannot be read, or that nothing would use."""
    out: dict[Language, TextFile] = {}
    wrong = []
    for file in sorted(folder.glob("*")) if folder.is_dir() else ():
        language = next((known for known in LANGUAGES if file.name == f"{known}.jinja"), None)
        if language is None:
            names = " and ".join(f"{known}.jinja" for known in LANGUAGES)
            wrong.append(Mistake(file, 1, f"nothing reads this file: texts are in {names}"))
            continue
        try:
            out[language] = TextFile(file, _text(file))
        except (OSError, ValueError) as error:
            wrong.append(Mistake(file, 1, f"cannot be read: {error}"))
    if wrong:
        raise ConfigError(wrong)
    return out


def _text(file: Path) -> str:
    return read_given(file, _LONGEST_TEXT).decode("utf-8")
