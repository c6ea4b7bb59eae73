"""A web server on this machine that answers as a test says, and keeps what it was asked."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Page:
    """What is answered; `declared` bytes are announced (-1: none), and a `piece` of the body comes every `pause_s`."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    declared: int | None = None
    piece: int = 1 << 20
    pause_s: float = 0.0


@dataclass
class Site:
    """Answers by path: one for all times, or several, of which the last one stays."""

    port: int = 0
    pages: dict[str, Page | list[Page]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def page(self, path: str) -> Page:
        found = self.pages.get(path.partition("?")[0], Page(b"nothing here", 404))
        if isinstance(found, Page):
            return found
        return found.pop(0) if len(found) > 1 else found[0]


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Site]:
    """A site; with a context, one of https."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.asked.append(self.path)
            site.headers.append({name.lower(): value for name, value in self.headers.items()})
            page = site.page(self.path)
            self.send_response(page.status)
            for name, value in page.headers.items():
                self.send_header(name, value)
            length = len(page.body) if page.declared is None else page.declared
            if length >= 0:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            try:
                for start in range(0, len(page.body), page.piece):
                    self.wfile.write(page.body[start : start + page.piece])
                    self.wfile.flush()
                    time.sleep(page.pause_s)
            except OSError:
                pass  # the client went away, as it should of what never ends
            self.close_connection = True

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    site.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
