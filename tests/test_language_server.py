"""The recipe's schema in a real editor's engine, yaml-language-server (npm): what it offers, tells and underlines."""

import itertools
import json
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import pytest

from wanflow.editors import install

RECIPE = """\
wanflow: 1
steps:
  a:
    uses: |
  wide:
    uses: wan/expand
    image: row.photo
    |
    with:
      seed: 7
      |
  wrong:
    uses: wan/expand
    image: row.photo
    with: {top_scal: 1.5}
"""


class Server:
    """yaml-language-server over its standard streams (Language Server Protocol 3.17)."""

    def __init__(self, command: str, file: Path) -> None:
        self._process = subprocess.Popen(
            [command, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._ids, self._document, self.faults = itertools.count(1), {"uri": file.as_uri()}, None
        self.ask("initialize", {"processId": None, "rootUri": file.parent.as_uri(), "capabilities": {}})
        self._say({"method": "initialized", "params": {}})
        settings = {"yaml": {"schemaStore": {"enable": False}}}  # no network
        self._say({"method": "workspace/didChangeConfiguration", "params": {"settings": settings}})
        text = {**self._document, "languageId": "yaml", "version": 1, "text": file.read_text()}
        self._say({"method": "textDocument/didOpen", "params": {"textDocument": text}})

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, method: str, params: Any) -> Any:
        number = next(self._ids)
        self._say({"id": number, "method": method, "params": params})
        while (said := self._hear()).get("id") != number or "method" in said:
            pass
        return said["result"]

    def at(self, method: str, line: int, character: int) -> Any:
        place = {"line": line, "character": character}
        return self.ask(f"textDocument/{method}", {"textDocument": self._document, "position": place})

    def judged(self) -> list[str]:
        while self.faults is None:
            self._hear()
        return [fault["message"] for fault in self.faults]

    def _say(self, message: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _hear(self) -> Any:
        length = 0
        while line := self._process.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        assert length, "the server ended"
        message = json.loads(self._process.stdout.read(length))
        if "method" in message and "id" in message:
            self._say({"id": message["id"], "result": None})
        if message.get("method") == "textDocument/publishDiagnostics":
            self.faults = message["params"]["diagnostics"]
        return message


@pytest.mark.filterwarnings("default:.*not installed")  # a loud line, and no failure
def test_an_editor_completes_explains_and_checks_a_recipe(tmp_path: Path) -> None:
    command = shutil.which("yaml-language-server")
    if not command:
        warnings.warn("yaml-language-server (npm) is not installed: the schema is not tried in it", stacklevel=1)
        pytest.skip("yaml-language-server is not installed")
    file = tmp_path / "r.yaml"
    file.write_text(RECIPE.replace("|", ""))
    assert list(install([file], tmp_path))
    places = [(n + 1, line.index("|")) for n, line in enumerate(RECIPE.splitlines()) if "|" in line]
    with Server(command, file) as server:
        assert any("top_scal is not allowed" in fault for fault in server.judged())
        uses, keys, parameters = (list(server.at("completion", *place)["items"]) for place in places)
        told = server.at("hover", 7, 6)["contents"]["value"]
    assert {item["label"] for item in uses} >= {"wan/expand", "local/fit"}
    assert any("Outpaint" in str(item.get("documentation")) for item in uses)
    assert {item["label"] for item in keys} >= {"when", "candidates"}
    assert not {item["label"] for item in keys} & {"mask", "images", "inputs"}
    assert {item["label"] for item in parameters} >= {"top_scale", "prompt"}
    assert "An image: row" in told
