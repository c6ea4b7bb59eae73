"""A code host on this machine that keeps comments as GitHub and GitLab do."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BOT = {"login": "github-actions[bot]", "id": 7}


@dataclass
class CodeHost:
    """Comments as GitHub and GitLab keep them; `refusal` is answered to everything, if it is set."""

    port: int = 0
    comments: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    refusal: tuple[int, bytes, dict[str, str]] | None = None

    def answer(self, method: str, path: str, body: str) -> Any:
        place, _, query = path.partition("?")
        if method == "GET" and place.endswith("/user"):
            return BOT
        if method == "GET":
            page = int(query.rpartition("page=")[2])
            return self.comments[(page - 1) * 100 : page * 100]
        if method == "POST":
            self.comments.append({"id": len(self.comments) + 1, "body": body, "user": BOT, "author": BOT})
            return self.comments[-1]
        found = self.comments[int(place.rpartition("/")[2]) - 1]
        found["body"] = body
        return found


@contextlib.contextmanager
def code_host() -> Iterator[CodeHost]:
    """A code host on this machine, while it is used."""
    host = CodeHost()

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            host.asked.append(f"{self.command} {self.path}")
            host.tokens.add(self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or "")
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, raw, headers = host.refusal or (200, b"", {})
            if not host.refusal:
                body = json.loads(sent)["body"] if sent else ""
                raw = json.dumps(host.answer(self.command, self.path, body)).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(raw)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = do_PUT = do  # noqa: N815 - names that http.server asks for

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
