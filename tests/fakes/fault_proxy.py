"""A proxy in front of a server that breaks some of what passes: on purpose, and as told."""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HOP = {"connection", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True)
class Fault:
    """What to do to one exchange: at most one of the first four, any of the last two."""

    status: int = 0
    body: str = ""
    reset: bool = False
    cut_at: int | None = None
    flip: bool = False
    wait_s: float = 0


@dataclass(frozen=True)
class Seen:
    """A request that came."""

    method: str
    path: str
    size: int
    authorization: str


class FaultProxy:
    """Forwards to `target` (host, port); `decide` says what happens to each request, in order."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.decide: Callable[[Seen], Fault | None] = lambda _: None
        self.seen: list[Seen] = []
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    proxy: FaultProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        seen = Seen(self.command, self.path, len(body), self.headers.get("authorization", ""))
        self.proxy.seen.append(seen)
        fault = self.proxy.decide(seen) or Fault()
        time.sleep(fault.wait_s)
        if fault.reset:
            self._reset()
        elif fault.status:
            self._answer(fault.status, fault.body.encode(), {}, None)
        else:
            self._forward(_flipped(body) if fault.flip else body, fault.cut_at)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815

    def _forward(self, body: bytes, cut_at: int | None) -> None:
        with contextlib.closing(http.client.HTTPConnection(*self.proxy.target)) as to:
            # The host is part of the signature: it stays that of the proxy.
            to.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP:
                    to.putheader(name, value)
            to.endheaders(body)
            answer = to.getresponse()
            headers = {k.lower(): v for k, v in answer.getheaders() if k.lower() not in HOP}
            self._answer(answer.status, answer.read(), headers, cut_at)

    def _answer(
        self, status: int, body: bytes, headers: dict[str, str], cut_at: int | None
    ) -> None:
        self.send_response_only(status)
        if status != 204:
            headers.setdefault("content-length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body if cut_at is None else body[:cut_at])
        if cut_at is not None and cut_at < len(body):
            self._reset()

    def _reset(self) -> None:
        self.wfile.flush()
        # Zero linger: closing sends RST instead of FIN.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RD)


def _flipped(body: bytes) -> bytes:
    return body[:-1] + bytes([body[-1] ^ 1]) if body else body
