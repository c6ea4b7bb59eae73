"""Which saved plans were run: each only once, in a project and with an account (see Ledger.use_plan)."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from wanflow.errors import StoreError, unwritable
from wanflow.store.blobs import make_folder

FOLDER = "plans"
MAX_BYTES = 200


def used_by(store: Path, nonce: str) -> str:
    """The run that used a plan; empty when none did."""
    with suppress(OSError), (store / FOLDER / nonce).open(encoding="utf-8", errors="replace") as file:
        return file.read(MAX_BYTES) or "a run"
    return ""


def use(store: Path, nonce: str, run_id: str) -> bool:
    """Note that a run uses a plan; false when another did. Raises StoreError."""
    try:
        make_folder(store / FOLDER)
        with (store / FOLDER / nonce).open("x", encoding="utf-8") as file:
            file.write(run_id)
    except FileExistsError:
        return False
    except OSError as error:
        raise StoreError(f"nothing was started: {unwritable(store / FOLDER, error)}") from error
    return True


def give_back(store: Path, nonce: str) -> None:
    """Forget the use of a plan by a run that could not start."""
    with suppress(OSError):
        (store / FOLDER / nonce).unlink()
