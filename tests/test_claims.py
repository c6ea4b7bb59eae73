from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from wanflow.store.claims import Claims


def test_a_key_is_claimed_once(tmp_path: Path) -> None:
    first, second = Claims(tmp_path), Claims(tmp_path)
    claim = first.take("ab")
    assert claim is not None
    assert second.take("ab") is None
    assert second.take("cd") is not None
    first.free("ab", claim)
    assert second.take("ab") is not None


def test_nothing_is_left_of_a_claim_that_was_given_back(tmp_path: Path) -> None:
    claims = Claims(tmp_path)
    claim = claims.take("ab")
    assert claim is not None
    claims.free("ab", claim)
    assert list((tmp_path / "locks").iterdir()) == []


def test_the_claim_of_a_killed_process_is_free(tmp_path: Path) -> None:
    program = "import sys, time; from pathlib import Path; from wanflow.store.claims import Claims\n"
    program += "print(Claims(Path(sys.argv[1])).take('ab') is not None, flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "True\n"
    assert Claims(tmp_path).take("ab") is None
    process.kill()
    process.communicate()
    assert Claims(tmp_path).take("ab") is not None
