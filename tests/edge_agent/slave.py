"""A Modbus TCP slave on loopback, in a thread: holding registers by address, everything else refused."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def slave(registers: Mapping[int, int], unit: int = 1) -> Iterator[str]:
    """Its address, host:port. Modbus messaging on TCP/IP V1.0b, 3.1; application protocol V1.1b3, 6.3 and 7."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while len(request := self.rfile.read(12)) == 12:
                number, _, _, asked, function, address, count = struct.unpack(">HHHBBHH", request)
                words = [registers.get(address + n) for n in range(count)]
                if asked != unit:
                    continue
                if function != 3 or None in words:
                    pdu = bytes((function | 0x80, 1 if function != 3 else 2))
                else:
                    pdu = struct.pack(f">BB{count}H", 3, 2 * count, *(w for w in words if w is not None))
                self.wfile.write(struct.pack(">HHHB", number, 0, len(pdu) + 1, asked) + pdu)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
