"""A Modbus slave on loopback, in a thread: holding registers by address, everything else refused."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from crccheck.crc import CrcModbus


@contextmanager
def slave(registers: Mapping[int, int], unit: int = 1, rtu: bool = False) -> Iterator[str]:
    """Its address, host:port. Modbus messaging on TCP/IP V1.0b, 3.1; application protocol V1.1b3, 6.3 and 7. rtu: RTU
    frames (Modbus over serial line V1.02, 2.5.1) in their place."""
    head = b"" if rtu else bytes(6)  # transaction, protocol, length

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while len(request := self.rfile.read(len(head) + 6 + 2 * rtu)) > 6:
                asked, function, address, count = struct.unpack(">BBHH", request[len(head) :][:6])
                words = [registers.get(address + n) for n in range(count)]
                if asked != unit:
                    continue
                if function != 3 or None in words:
                    pdu = bytes((function | 0x80, 1 if function != 3 else 2))
                else:
                    pdu = struct.pack(f">BB{count}H", 3, 2 * count, *(w for w in words if w is not None))
                reply = bytes((asked,)) + pdu
                if rtu:
                    self.wfile.write(reply + CrcModbus.calc(reply).to_bytes(2, "little"))
                else:
                    self.wfile.write(request[:2] + struct.pack(">HH", 0, len(reply)) + reply)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
