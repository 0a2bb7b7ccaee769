"""Two packages in bare roots, by the guides alone: a cloud, a gateway, a restore elsewhere, an upgrade, a purge.

    play.py BASE DIST FOLDER OLD NEW

BASE: a bare Debian; DIST: the packages; FOLDER: an empty one, for the machines; OLD, NEW: versions of the packages.

Runs in namespaces of its own (network, mounts, processes), which .ci/packages makes: all machines share one network,
which leads nowhere else, and nothing of it is left behind.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from machine import Machine
from standardwebhooks.webhooks import Webhook

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ROOT / "docs"
CONFIG = "--config /etc/headwater/cloud.yaml"
CENTRE = "10.1.0.5"
PLC = "192.168.10.11"
ASK = (
    'curl -sSf --cacert /etc/headwater/tls/fullchain.pem -H "Authorization: Bearer $(cat /root/prometheus.key)" '
    "https://headwater.example"
)


def main() -> None:
    base, dist, folder = (Path(x) for x in sys.argv[1:4])
    old, new = sys.argv[4:6]
    network()
    cloud, gateway, spare = (machine(folder, base, n) for n in ("cloud", "gateway", "spare"))
    before = {m.name: files(m.root) for m in (cloud, gateway)}
    carry(cloud, dist, f"headwater-cloud_{old}_amd64.deb", "headwater-cloud_0.1.0-1_amd64.deb")
    carry(gateway, dist, f"headwater-edge_{old}_amd64.deb", "headwater-edge_0.1.0-1_amd64.deb")
    consumer = Consumer(folder, cloud)
    cloud.follow(GUIDES / "in-the-cloud.md")
    shutil.move(cloud.root / "root" / "gw-north.tar", gateway.root / "root")
    with plant(gateway):
        gateway.follow(GUIDES / "on-a-gateway.md")
        cloud.until(f"{ASK}/v1/latest", has_readings)
        consumer.wait_for_one()
        roomy(gateway)
        upgrade(cloud, "headwater-cloud", dist, new)
        upgrade(gateway, "headwater-edge", dist, new)
        cloud.until(f"{ASK}/v1/latest", has_readings)
        restore(cloud, spare, dist, new, consumer)
    for m, package in ((cloud, "headwater-cloud"), (gateway, "headwater-edge")):
        purge(m, package, before[m.name])
    spare.run("systemctl stop headwater-cloud && rm -rf /var/lib/headwater-cloud /etc/headwater")
    spare.run("apt-get purge -y headwater-cloud")
    spare.run("getent passwd headwater-cloud", code=2)
    print("the packages: installed by the guides, readings and a warning arrived, restored, upgraded, purged")


def network() -> None:
    """Loopback alone, with the addresses that the guides name."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (CENTRE, PLC):
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)


def machine(folder: Path, base: Path, name: str) -> Machine:
    """A bare Debian of its own: what it alters lies over the one that all share, where the kernel lets us."""
    root, upper, work = folder / name, folder / f"{name}.upper", folder / f"{name}.work"
    for path in (root, upper, work):
        path.mkdir()
    laid = f"lowerdir={base},upperdir={upper},workdir={work}"
    if subprocess.run(["mount", "-t", "overlay", "-o", laid, "overlay", root], check=False).returncode:
        subprocess.run(["cp", "-a", "-T", base, root], check=True)
    return Machine(name, root)


def carry(to: Machine, dist: Path, package: str, name: str) -> None:
    shutil.copy(dist / package, to.root / "root" / name)


class plant:  # noqa: N801 -- reads as what it is: `with plant(gateway)`
    """The simulated instruments, on the gateway's serial line and at the address that the district gives the PLC."""

    def __init__(self, gateway: Machine) -> None:
        self._gateway = gateway

    def __enter__(self) -> None:
        command = [sys.executable, "-m", "simulators.cli", "plant"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        at = {d["device"]: d["address"] for d in json.loads(self._process.stdout.readline())["devices"]}
        line = Path(at["u1-level"])
        os.chown(line, 0, 20)  # dialout, as Debian gives serial ports
        line.chmod(0o660)
        (self._gateway.root / "dev" / "ttyUSB0").symlink_to(line)
        host, _, port = at["u1-plc"].rpartition(":")
        threading.Thread(target=lambda: asyncio.run(hand_on(host, int(port))), daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)


async def hand_on(host: str, port: int) -> None:
    """The PLC's own address and port, to the simulated one."""

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(4096):
            target.write(data)
        target.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, port)
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))

    await (await asyncio.start_server(serve, PLC, 502)).serve_forever()


class Consumer:
    """A warning centre that checks signatures by the key that the guide makes."""

    def __init__(self, folder: Path, cloud: Machine) -> None:
        self.got: list[dict[str, Any]] = []
        self._arrived = threading.Event()
        cert, key = folder / "centre.crt", folder / "centre.key"
        made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=centre.example"
        more = ["-addext", "subjectAltName=DNS:centre.example", "-keyout", str(key), "-out", str(cert)]
        subprocess.run([*made.split(), *more], check=True, capture_output=True)
        (cloud.root / "etc" / "headwater").mkdir(exist_ok=True)
        shutil.copy(cert, cloud.root / "etc" / "headwater" / "centre-ca.crt")
        consumer, secret = self, cloud.root / "etc" / "headwater" / "centre.key"

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                verified = Webhook(secret.read_text().strip()).verify(body.decode(), dict(self.headers.items()))
                consumer.got.append({"id": self.headers["webhook-id"], **verified})
                consumer._arrived.set()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        server = HTTPServer((CENTRE, 8443), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def wait_for_one(self) -> None:
        if not self._arrived.wait(90):
            sys.exit("no message reached the consumer within 90 s of the first readings")
        print(f"consumer  got {self.got[0].get('type')} {self.got[0]['id']}", flush=True)

    def names(self) -> list[str]:
        return [m["id"] for m in self.got]


def has_readings(said: str) -> bool:
    return sum(r["value"] is not None for r in json.loads(said)) >= 10


def roomy(gateway: Machine) -> None:
    """At most 120 MB below /opt."""
    size_mb = int(gateway.run("du -sm /opt/headwater-edge").split()[0])
    print(f"headwater-edge: {size_mb} MB installed", flush=True)
    if size_mb > 120:
        sys.exit(f"headwater-edge installs {size_mb} MB, at most 120")


def upgrade(m: Machine, name: str, dist: Path, version: str) -> None:
    """A newer package starts what runs again, and keeps what the operator set."""
    pid = (m.root / "run" / "units" / f"{name}.service.pid").read_text()
    m.run(f"echo HEADWATER_LOG=json >>/etc/default/{name}")
    carry(m, dist, f"{name}_{version}_amd64.deb", f"{name}.deb")
    m.run(f"apt-get install -y ./{name}.deb")
    if version not in m.run(f"dpkg-query -W {name}"):
        sys.exit(f"{name} is not {version}")
    m.run(f"systemctl is-active {name} && grep -q ^HEADWATER_LOG=json /etc/default/{name}")
    if (m.root / "run" / "units" / f"{name}.service.pid").read_text() == pid:
        sys.exit(f"{name} was not started again")


def restore(cloud: Machine, spare: Machine, dist: Path, version: str, consumer: Consumer) -> None:
    """The cloud's machine dies; its backup and its /etc/headwater come to another one."""
    cloud.run(f"headwater-cloud backup {CONFIG} --to /mnt/copies/tuesday")
    cloud.run("systemctl stop headwater-cloud")
    told = consumer.names()
    carry(spare, dist, f"headwater-cloud_{version}_amd64.deb", "headwater-cloud.deb")
    spare.run("apt-get install -y --no-install-recommends ./headwater-cloud.deb curl")
    for path in ("etc/headwater", "mnt/copies", "root/prometheus.key"):
        subprocess.run(["cp", "-a", "-T", cloud.root / path, spare.root / path], check=True)
    given = "chown -R headwater-cloud: /mnt/copies /etc/headwater/centre.key /etc/headwater/identity/cloud.key"
    spare.run(f"{given} && chgrp headwater-cloud /etc/headwater/identity")
    spare.run(f"headwater-cloud restore /mnt/copies/tuesday {CONFIG}")
    spare.run(f"headwater-cloud restore /mnt/copies/tuesday {CONFIG}", code=2)  # into a full folder
    spare.run(f"headwater-cloud check {CONFIG}")
    spare.run("systemctl enable --now headwater-cloud")
    spare.until(f"{ASK}/v1/latest", has_readings)
    spare.until(f"headwater-cloud gateway list {CONFIG}", lambda said: "gw-north" in said)
    again = [name for name in consumer.names()[len(told) :] if name in told]
    if again:
        sys.exit(f"delivered again after the restore: {again}")


def files(root: Path) -> set[str]:
    """All that is there, but for what runs, and what apt and dpkg note."""
    passed = ("dev", "proc", "run", "sys", "tmp", "var/cache", "var/lib/apt", "var/lib/dpkg", "var/log", "root")
    out: set[str] = set()
    for folder, inner, names in os.walk(root):
        at = Path(folder).relative_to(root)
        inner[:] = [n for n in inner if str(at / n) not in passed]
        out |= {str(at / n) for n in (*inner, *names)}
    return out


def ours(paths: Iterable[str]) -> list[str]:
    return sorted(p for p in paths if "headwater" in p)


def purge(m: Machine, name: str, before: set[str]) -> None:
    """Data, what the operator wrote, and the user that owns it stay; nothing else of ours does."""
    state, user = {"headwater-cloud": ("var/lib/headwater-cloud", "headwater-cloud")}.get(
        name, ("var/lib/headwater", "headwater")
    )
    said = m.run(f"apt-get purge -y {name}")
    for kept in (f"/{state}", "/etc/headwater"):
        if kept not in said:
            sys.exit(f"the purge does not name {kept}:\n{said}")
    m.run(f"getent passwd {user}")
    stays = (state, "etc/headwater", "etc/mosquitto/headwater", "etc/nginx/conf.d/headwater.conf")
    stays += ("etc/systemd/system/mosquitto.service.d",)
    left = [p for p in ours(files(m.root) - before) if not any(p == s or p.startswith(f"{s}/") for s in stays)]
    if left:
        sys.exit(f"purged, {name} leaves {left}")
    if not (m.root / state).is_dir() or not any((m.root / state).iterdir()):
        sys.exit(f"the purge took {state}")


if __name__ == "__main__":
    main()
