"""The official SDK, unmodified, can't tell the emulator from the service: newest, and the oldest that is allowed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from projects import photo

from wanflow.emulator.chance import times
from wanflow.emulator.options import Options
from wanflow.emulator.server import running

NAME = "dashscope-1.25.2"
PLACES = [Path(sys.prefix) / NAME, Path(__file__).parents[2] / ".venv" / NAME]
SAME, SQUARE = [600, 512], [1280, 1280]
COMMON: dict[str, Any] = {
    "edits": {
        "stylization_all": SAME,
        "stylization_local": SAME,
        "description_edit": SAME,
        "description_edit_with_mask": SAME,
        "remove_watermark": SAME,
        "expand": [900, 768],
        "super_resolution": [1200, 1024],
        "colorization": SAME,
        "doodle": SAME,
        "control_cartoon_feature": SAME,
    },
    "combinations": [[[800, 1200], "combine"]] * 3,
    "paintings": {"call": ["SUCCEEDED", 2, 2, SQUARE], "wait": ["SUCCEEDED", [1024, 1024]]},
    "cancel_and_list": {
        "canceled": [200, "CANCELED"],
        "refused": [
            400,
            "UnsupportedOperation",
            "Failed to cancel the task, please confirm if the task is in PENDING status.",
        ],
        "listed": [200, 3, ["CANCELED", "RUNNING"]],
    },
    "troubles": {
        "failed": [200, "FAILED", "DataInspectionFailed", "Input data may contain inappropriate content."],
        "partial": ["SUCCEEDED", 1, ["image", "InternalError.Timeout"]],
        "wrong key": [401, "InvalidApiKey", "Invalid API-key provided."],
        "wrong path": [400, "InvalidParameter", "url error, please check url！"],
        "no async header": [403, "AccessDenied", "current user api does not support synchronous calls."],
        "five images": [400, "InvalidParameter", "Range of n should be [1, 4]"],
        "unknown task": "UNKNOWN",
        "same basename": "UploadFileException",
    },
}
OLD_MESSAGES = {"sync": [200, SQUARE]}
NEW_MESSAGES = {**OLD_MESSAGES, "new call": SQUARE, "async": ["SUCCEEDED", [SQUARE, SQUARE]]}


def conversation(folder: Path, path: str) -> dict[str, Any]:
    """What the SDK that Python finds with this path was answered."""
    (folder / "other").mkdir()
    for name in ("base.png", "mask.png", "other/base.png"):
        (folder / name).write_bytes(photo(0, 600, 512))
    environment = {**os.environ, "PYTHONPATH": path, "NO_PROXY": "127.0.0.1"}
    script = Path(__file__).with_name("sdk_conversation.py")
    with running(Options(speed=1000, paint="echo", service=times("fixed:1"))) as origin:
        command = [sys.executable, str(script), origin, str(folder)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.mark.slow
def test_newest_sdk_is_answered_as_by_the_service(tmp_path: Path) -> None:
    said = conversation(tmp_path, "")
    assert tuple(map(int, said.pop("version").split("."))) >= (2, 0, 2)
    assert said == {**COMMON, "messages": NEW_MESSAGES}


@pytest.mark.slow
def test_oldest_allowed_sdk_is_answered_as_by_the_service(tmp_path: Path) -> None:
    found = [place for place in PLACES if place.is_dir()]
    assert found, f"{NAME} is missing; `make test` installs it"
    said = conversation(tmp_path, str(found[0]))
    assert said.pop("version") == "1.25.2"
    assert said == {**COMMON, "messages": OLD_MESSAGES}
