"""The emulator on a real socket: connections that break, a port that is taken, Ctrl-C, a restart."""

import io
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from desk import SHOP, SYNC, TEXT, body, text
from PIL import Image

from wanflow.cli import main
from wanflow.emulator.chance import times
from wanflow.emulator.options import Options
from wanflow.emulator.server import bound, running
from wanflow.errors import UsageError

KEY = {"Authorization": "Bearer sk-test"}
HEADERS = {**KEY, "X-DashScope-Async": "enable"}
FAST = Options(speed=1000, paint="echo", service=times("fixed:1"))


def order(origin: str, *faults: dict[str, Any]) -> None:
    """Put faults in force."""
    assert httpx.post(f"{origin}/__emulator__/faults", json={"faults": list(faults)}).status_code == 200


def submit(origin: str, prompt: str, **options: Any) -> httpx.Response:
    return httpx.post(f"{origin}/api/v1{TEXT}", json=text(prompt, n=1), headers=HEADERS, **options)


def result(origin: str, prompt: str) -> str:
    """The link to a new picture."""
    task = submit(origin, prompt).json()["output"]["task_id"]
    while True:
        said = httpx.get(f"{origin}/api/v1/tasks/{task}", headers=HEADERS).json()["output"]
        if said["task_status"] == "SUCCEEDED":
            return str(said["results"][0]["url"])
        time.sleep(0.01)


def submissions(origin: str) -> int:
    return int(httpx.get(f"{origin}/__emulator__/stats").json()["submissions"])


def test_connections_break_as_faults_want_it_and_the_server_goes_on() -> None:
    with running(FAST) as origin:
        order(origin, {"kind": "reset_before", "on": ["submit"], "times": 1})
        with pytest.raises(httpx.ReadError):
            submit(origin, "before")
        assert submissions(origin) == 0
        order(origin, {"kind": "reset_after", "on": ["submit"], "times": 1})
        with pytest.raises(httpx.ReadError):
            submit(origin, "after")
        assert submissions(origin) == 1
        order(origin, {"kind": "hang", "on": ["submit"], "times": 1})
        with pytest.raises(httpx.ReadTimeout):
            submit(origin, "hang", timeout=0.2)
        assert submit(origin, "then").status_code == 200


def test_downloads_break_off_and_drip_as_faults_want_it() -> None:
    with running(FAST) as origin:
        url = result(origin, "picture")
        whole = httpx.get(url).content
        order(origin, {"kind": "truncated", "on": ["download"], "times": 1})
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            httpx.get(url)
        order(origin, {"kind": "drip", "on": ["download"], "times": 1, "seconds": 200})
        began = time.monotonic()
        assert httpx.get(url).content == whole
        assert time.monotonic() - began >= 0.19
        assert httpx.get(url).content == whole


def test_server_ends_at_once_while_connections_are_held(capfd: pytest.CaptureFixture[str]) -> None:
    held = [{"kind": "hang", "on": ["submit"], "model": "wan2.5-t2i-preview"}, {"kind": "slow", "seconds": 1e9}]
    with ThreadPoolExecutor() as pool, running(FAST) as origin:
        order(origin, *held, {"kind": "latency", "on": ["query"], "seconds": 1e9})
        sync = body("wan2.6-t2i", SHOP, n=1)
        waiting = [
            pool.submit(submit, origin, "hang"),
            pool.submit(httpx.post, f"{origin}/api/v1{SYNC}", json=sync, headers=KEY, timeout=60),
            pool.submit(httpx.get, f"{origin}/api/v1/tasks/a", headers=HEADERS, timeout=60),
        ]
        while {"hang", "slow", "latency"} - httpx.get(f"{origin}/__emulator__/stats").json()["faults"].keys():
            time.sleep(0.05)
        assert not any(future.done() for future in waiting)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert [type(future.exception()) for future in waiting] == [httpx.ReadError, httpx.ReadError, type(None)]
    assert capfd.readouterr().err == ""


class Patient:
    """A client that tries again whatever happens, until every picture is there."""

    def __init__(self, origin: str) -> None:
        self.client = httpx.Client(base_url=f"{origin}/api/v1", headers=HEADERS, timeout=0.3)

    def call(self, method: str, url: str, **more: Any) -> httpx.Response:
        while True:
            try:
                answer = self.client.request(method, url, **more)
            except httpx.HTTPError:
                continue
            if answer.status_code == 200:
                return answer

    def pictures(self, prompt: str) -> int:
        """How many pictures a request for two gave, all of them whole."""
        values = text(prompt, n=2, model="wan2.2-t2i-flash", size="512*512")
        while True:
            task = self.call("POST", TEXT, json=values).json()["output"]["task_id"]
            while (said := self.call("GET", f"/tasks/{task}").json()["output"])["task_status"] in (
                "PENDING",
                "RUNNING",
            ):
                time.sleep(0.01)
            if said["task_status"] == "SUCCEEDED":
                break
        return sum(self.whole(result["url"]) for result in said["results"] if "url" in result)

    def whole(self, url: str) -> bool:
        while True:
            with suppress(Exception), Image.open(io.BytesIO(self.call("GET", url).content)) as image:
                image.load()
                return image.size == (512, 512)


def test_patient_client_gets_everything_through_faults_of_all_kinds(capfd: pytest.CaptureFixture[str]) -> None:
    with running(FAST) as origin, ThreadPoolExecutor(8) as pool:
        order(origin, {"kinds": "all", "rate": 0.3, "seconds": 20})
        client = Patient(origin)
        counts = list(pool.map(client.pictures, map(str, range(25))))
        order(origin)
        said = httpx.get(f"{origin}/__emulator__/stats").json()
        client.client.close()
    assert set(counts) <= {1, 2}
    assert sum(counts) <= said["images_billed"]
    assert len(said["faults"]) > 12
    assert capfd.readouterr().err == ""


def test_state_that_can_not_be_used_is_told_to_who_starts_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't hold the emulator's state"), running(Options(state=tmp_path / "a/b")):
        pass


def test_port_that_is_taken_is_said_in_words() -> None:
    listener = bound("127.0.0.1", 0)
    port = listener.getsockname()[1]
    said = CliRunner().invoke(main, ["emulate", "--port", str(port)])
    listener.close()
    assert said.exit_code == 64
    assert said.stderr == (
        f"wanflow: can't listen on 127.0.0.1:{port}: Address already in use; "
        "choose another --port, or 0 for any that is free\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--region", "beijng"], "there is no region beijng. Did you mean beijing"),
        (["--service", "soon"], "uniform:LOW:HIGH"),
        (["--fault", "kind=fire"], 'kinds: "fire" is not known'),
        (["--speed", "0"], "speed must be above 0"),
        (["--paint", "oil"], "Invalid value for '--paint'"),
        (["--port", "99999"], "Invalid value for '--port'"),
    ],
)
def test_wrong_flags_are_64_with_a_remedy(words: list[str], said: str) -> None:
    result = CliRunner().invoke(main, ["emulate", *words])
    assert (result.exit_code, result.stdout) == (64, "")
    assert said in result.stderr


def test_missing_extra_is_said_with_its_remedy(tmp_path: Path) -> None:
    program = "import sys; sys.modules['uvicorn'] = None\nfrom wanflow.cli import main\nmain(['emulate'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr == "wanflow: wanflow emulate needs uvicorn: pip install 'wanflow[emulator]'\n"


def test_state_that_can_not_be_used_is_refused_before_any_greeting(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("these are my notes, and no database at all\n" * 50)
    said = CliRunner().invoke(main, ["emulate", "--port", "0", "--state", str(tmp_path / "notes.txt")])
    assert (said.exit_code, said.stdout) == (64, "")
    assert "can't hold the emulator's state" in said.stderr


@pytest.mark.parametrize("keys", [(), ("sk-right",)])
def test_what_the_greeting_says_by_hand_is_taken(keys: tuple[str, ...]) -> None:
    process, greeting, _ = started("--paint", "echo", *(f"--key={key}" for key in keys))
    assert "sk-right" not in greeting
    export = next(line for line in greeting.splitlines() if "export" in line).replace("=…", "=sk-right")
    curl = greeting.partition("after that:\n")[2].partition("\n\n")[0]
    program = f"curl() {{ printf '%s\\n' \"$@\"; }}\n{export}\n{curl}"
    words = subprocess.run(["sh", "-ec", program], capture_output=True, text=True, check=True).stdout.splitlines()
    headers = dict(words[place + 1].split(": ") for place, word in enumerate(words) if word == "-H")
    answer = httpx.post(words[0], headers=headers, content=words[words.index("-d") + 1])
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert answer.status_code == 200, answer.text


def started(*words: str) -> tuple[subprocess.Popen[str], str, str]:
    """`wanflow emulate` as a process, its greeting and its base URL."""
    command = [sys.executable, "-m", "wanflow.cli", "emulate", "--port", "0", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    greeting = ""
    while "Ctrl-C" not in greeting:
        line = process.stdout.readline()
        assert line, process.communicate()
        greeting += line
    return process, greeting, greeting.partition("base URL: ")[2].split()[0]


def test_command_greets_survives_a_kill_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    words = ("--speed", "1000", "--paint", "echo", "--service", "fixed:1", "--state", str(tmp_path / "state.db"))
    process, greeting, base = started(*words)
    assert "export DASHSCOPE_HTTP_BASE_URL=" + base in greeting
    url = result(base.removesuffix("/api/v1"), "kept")
    process.kill()
    process.communicate()

    process, _, base = started(*words)
    origin = base.removesuffix("/api/v1")
    assert submissions(origin) == 1
    assert httpx.get(origin + url[url.index("/oss/") :]).status_code == 200
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert out.endswith(f"stopped: 1 task, 1 image, 0 duplicates; kept in {tmp_path / 'state.db'}\n")
