"""What the Debian packages are made of, and the guides that CI follows with them; the play itself is .ci/packages."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from cloud.config import ConfigFile
from edge_agent.config import ConfigFile as AgentFile

ROOT = Path(__file__).parents[2]


def module(name: str, path: str) -> ModuleType:
    spec = spec_from_file_location(name, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    out = module_from_spec(spec)
    sys.modules[name] = out
    spec.loader.exec_module(out)
    return out


build = module("deb_build", "packages/build.py")
guide = module("deb_guide", ".ci/bare-root/guide.py")
each = pytest.mark.parametrize("package", list(build.PACKAGES.values()), ids=lambda p: p.name)


@each
def test_units_run_what_the_package_brings_as_the_user_that_it_makes(package) -> None:
    for name in package.units:
        unit = (ROOT / "configs" / "systemd" / name).read_text()
        for command in re.findall(r"^Exec\w+=(\S+)", unit, re.M):
            assert command == f"/{package.home}/bin/{package.name}"
        for user in re.findall(r"^User=(\S+)", unit, re.M):
            assert user == package.user
        for folder in re.findall(r"^StateDirectory=(\S+)", unit, re.M):
            assert f"/var/lib/{folder}" == package.state


def test_every_unit_is_in_one_package() -> None:
    shipped = [unit for package in build.PACKAGES.values() for unit in package.units]
    assert sorted(shipped) == sorted(p.name for p in (ROOT / "configs" / "systemd").iterdir())


@pytest.mark.parametrize("name", ["postinst", "prerm", "postrm"])
def test_maintainer_scripts_are_shell(name: str) -> None:
    text = (ROOT / "packages" / name).read_text()
    assert set(re.findall(r"@(\w+)@", text)) <= {"NAME", "USER", "STATE", "MODE", "UNITS"}
    done = subprocess.run([shutil.which("sh") or "sh", "-n"], input=text, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


@each
def test_nothing_that_is_left_out_is_imported_by_what_is_packed(package) -> None:
    ours = {"contract", "host", "firmware_bridge", "edge_agent", "cloud", "simulators"} - set(package.without)
    for folder in ours:
        for source in (ROOT / folder).rglob("*.py"):
            named = re.findall(r"^\s*(?:from|import) (\w+)", source.read_text(), re.M)
            assert not set(named) & set(package.without), source


def test_files_that_the_guides_write_are_taken_by_the_programs() -> None:
    written: dict[str, str] = {}
    for page in ("in-the-cloud.md", "on-a-gateway.md"):
        for step in guide.steps(ROOT / "docs" / page):
            if isinstance(step, guide.Written):
                written[step.path] = (written.get(step.path, "") if step.more else "") + step.content
    cloud = ConfigFile.model_validate(yaml.safe_load(written["/etc/headwater/cloud.yaml"]))
    agent = AgentFile.model_validate(yaml.safe_load(written["/etc/headwater/agent.yaml"]))
    assert cloud.delivery[0].name == "centre"
    assert cloud.identity is not None
    assert agent.broker.host in cloud.identity.broker_names


def test_a_guide_is_read_as_it_is_shown(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Say\n\n    $ not this\n\n```console\n$ one \\\n    --two\nsaid\n...\n$ three\n```\n\n"
        "```yaml\n# /etc/a.yaml\nx: 1\n```\n\n```yaml\n# more of /etc/a.yaml\ny: 2\n```\n\n```yaml\nshown: only\n```\n"
    )
    one, three, first, more = guide.steps(page)
    assert (one.text.split(), one.told) == (["one", "--two"], ["said"])
    assert (three.text, three.told) == ("three", [])
    assert (first.path, first.content, first.more) == ("/etc/a.yaml", "# /etc/a.yaml\nx: 1\n", False)
    assert (more.path, more.content, more.more) == ("/etc/a.yaml", "y: 2\n", True)
