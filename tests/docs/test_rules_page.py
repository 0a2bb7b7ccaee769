"""Every block of docs/rules.md holds in a real district: whoever copies one is not refused."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from contract.catalogue.catalogue import Catalogue
from contract.catalogue.detectors import DETECTORS
from host.district_folder import load
from simulators.shipped import DISTRICT

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def district_with(folder: Path, block: str) -> Catalogue:
    """The shipped district with what a block says: its rules instead of the shipped ones, or more of `district`."""
    shutil.copytree(DISTRICT, folder)
    shutil.copytree(DISTRICT.parent.parent / "devices", folder / "devices", dirs_exist_ok=True)
    said = yaml.safe_load(block)
    if "rules" in said:
        (folder / "rules.yaml").write_text(block)
    else:
        file = folder / "district.yaml"
        whole = yaml.safe_load(file.read_text())
        whole["district"] |= said["district"]
        file.write_text(yaml.safe_dump(whole, allow_unicode=True))
    return load(folder)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_holds_in_the_shipped_district(block: str, tmp_path: Path) -> None:
    catalogue = district_with(tmp_path / "district", block)
    said = yaml.safe_load(block)
    assert [r["id"] for r in said.get("rules", ())] == [r.id for r in catalogue.rules if "rules" in said]
    if "rules" in said:
        watching = {rule.id for rules in catalogue.rules_by_channel.values() for rule in rules}
        assert watching == {r["id"] for r in said["rules"]}, "a rule of the page watches nothing"
    else:
        formula = catalogue.district.rain_formula
        assert formula is not None
        assert formula.model_dump() | said["district"]["rain_formula"] == formula.model_dump()


def test_the_page_has_blocks_and_names_every_detector() -> None:
    assert len(BLOCKS) >= 2
    assert [word for word in DETECTORS if f"| `{word}` |" not in PAGE] == []
