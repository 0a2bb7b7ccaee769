"""What a TCP connection has carried, as a provider of metered links would count it.

Linux counts it for us: bytes both ways, with TLS, and segments, of which each has its headers. On a link of small
messages headers are most of it.
"""

from __future__ import annotations

import socket
import struct

# struct tcp_info of linux/tcp.h: bytes_acked and bytes_received (u64), segs_out and segs_in (u32); from Linux 4.6.
_COUNTS = struct.Struct("<QQII" if struct.pack("=H", 1) == b"\x01\x00" else ">QQII")
_AT = 120
_TCP_BYTES = 20 + 12  # RFC 9293; with the time stamps of RFC 7323, which Linux sends
_IP_BYTES = {socket.AF_INET: 20, socket.AF_INET6: 40}


def carried_bytes(connection: object) -> int | None:
    """Since it was opened, both ways, from the IP header up. None where the system does not say, or of no socket."""
    if not isinstance(connection, socket.socket):
        return None
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    except (OSError, AttributeError):
        return None
    if len(info) < _AT + _COUNTS.size:
        return None
    sent, received, segments_out, segments_in = _COUNTS.unpack_from(info, _AT)
    header = _TCP_BYTES + _IP_BYTES.get(connection.family, 40)
    return int(sent + received + (segments_out + segments_in) * header)
