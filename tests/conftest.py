"""What holds for every test: no network but this machine's own, and properties tried without a clock."""

import os
import sys

import pytest
from hypothesis import HealthCheck, settings
from PIL import Image
from projects import ROWS

from wanflow import api
from wanflow.errors import RecipeError

COMMON = settings(deadline=None, max_examples=60, database=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples every time, so that a change is judged by what it changed; `make explore` draws others.
settings.register_profile("wanflow", COMMON, derandomize=True)
settings.register_profile("explore", COMMON, max_examples=600)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "wanflow"))

HERE = ("localhost", "127.0.0.1", "::1", "", None)


class NetworkError(AssertionError):
    pass


def refuse_network(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
    elif event == "socket.getaddrinfo":
        address = arguments
    else:
        return
    if isinstance(address, tuple) and address[0] not in HERE:
        raise NetworkError(f"a test reached for {address[0]}")


@pytest.fixture(autouse=True, scope="session")
def no_network():
    sys.addaudithook(refuse_network)


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory, monkeypatch):
    """A test's ledgers are its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    monkeypatch.delenv("DASHSCOPE_HTTP_BASE_URL", raising=False)


@pytest.fixture
def says(tmp_path, monkeypatch):
    """Write a recipe, a manifest and other files, and give what `check` says."""
    monkeypatch.chdir(tmp_path)
    Image.new("L", (600, 600), 90).save("a.png")

    def check(recipe, rows=ROWS, manifest="rows.csv", **files):
        for name, text in {"r.yaml": recipe, manifest: rows, **files}.items():
            (tmp_path / name.replace("__", ".")).write_bytes(text if isinstance(text, bytes) else text.encode())
        try:
            plan = api.check("r.yaml")
        except RecipeError as error:
            return f"{error}\n"
        return f"{len(plan.rows)} rows are fine\n"

    return check


def pytest_terminal_summary(terminalreporter):
    """Say loudly what was not tried at all: a skip among thousands of dots is not seen."""
    reasons = {report.longrepr[2] for report in terminalreporter.stats.get("skipped", ())}
    for reason in sorted(reason for reason in reasons if "NOT TRIED" in reason):
        terminalreporter.write_line(reason.removeprefix("Skipped: "), red=True, bold=True)
