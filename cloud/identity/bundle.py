"""What is carried to the cabinet: one tar with key, certificate, authority, and what the agent's file must say."""

from __future__ import annotations

import io
import tarfile

from cloud.identity.ca import Pair

KEY, CERT, CA, FRAGMENT = "gateway.key", "gateway.crt", "ca.crt", "agent.yaml"


def fragment(gateway: str, host: str, port: int, folder: str = "identity") -> str:
    """folder: where the other files lie, counted from the agent's file."""
    return (
        f"# Put this into the agent's file, and {KEY}, {CERT} and {CA} into the folder `{folder}` beside it.\n"
        f"gateway: {gateway}\n"
        "broker:\n"
        f"  host: {host}\n"
        f"  port: {port}\n"
        f"  ca_file: {folder}/{CA}\n"
        f"  cert_file: {folder}/{CERT}\n"
        f"  key_file: {folder}/{KEY}\n"
    )


def files(authority_cert_pem: bytes, pair: Pair, text: str) -> dict[str, tuple[bytes, int]]:
    """name -> (content, mode)."""
    return {
        KEY: (pair.key_pem, 0o600),
        CERT: (pair.cert_pem, 0o644),
        CA: (authority_cert_pem, 0o644),
        FRAGMENT: (text.encode(), 0o644),
    }


def tar(folder: str, contents: dict[str, tuple[bytes, int]], now_ms: int) -> bytes:
    """A plain tar with one folder in it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, (data, mode) in contents.items():
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size, info.mode, info.mtime = len(data), mode, now_ms // 1000
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()
