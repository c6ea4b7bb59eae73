"""What helps against each way in which a job fails: one table for all that tell of failures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from wanflow.documents.schemas import load

_NEEDED = "Mend what it needs, then run again; what is done stays."
_AGAIN = "Run again: what is done stays, and only this is tried again."
_SAVE = "Save the picture anew as JPEG or PNG, or leave the row out with where:."
_MASK = "Mend the mask: pure black and white, as large as its picture, white where it is edited."
_ROOM = "Make room, or give the folder back its rights, then run again; pictures that were made are kept."
_SMALLER = "Put a local/fit step before it, with a smaller max_side."
_LATER = "Run again later; a task that failed costs nothing."

# Those that wanflow itself finds; the provider's are in schemas/errors.json.
REMEDIES: Mapping[str, str] = {
    "BadAnswer": _LATER,
    "Blocked": _NEEDED,
    "Canceled": _AGAIN,
    "CheckBroken": "Mend the check, which is a program of yours or of a package, then run again.",
    "DataRefused": "Put the picture into a file, and name that.",
    "Deadline": "Raise seconds_per_megapixel in wanflow.toml, or make the picture smaller before it.",
    "DownloadFailed": "Run again within 24 hours: the picture is fetched, and not paid again.",
    "Elsewhere": _AGAIN,
    "EngineBug": "This is a bug of wanflow: please report it with the picture and the step.",
    "FetchFailed": "See that its address can be reached from here, then run again.",
    "GateFailed": "Loosen the step's expect, allow more with reroll, or let the row go on: otherwise: bypass.",
    "ImageDamaged": _SAVE,
    "ImageFormat": _SAVE,
    "ImageMissing": "Put the file where the row says, or mend the row.",
    "ImageSize": "Look at the sizes of its pictures; a local/fit or local/crop step before it mends them.",
    "ImageTooLarge": _SMALLER,
    "ImageTruncated": "Copy it anew from where it is whole, or leave the row out with where:.",
    "ImageUnfit": _SAVE,
    "ImageUnreadable": _SAVE,
    "InputChanged": "Run again, and leave the file alone meanwhile.",
    "InputMissing": _AGAIN,
    "LabelTooLong": "Shorten the text, or allow more lines.",
    "LeftInFlight": "Run again: its picture is fetched, and not paid again.",
    "MaskBlack": _MASK,
    "MaskGrey": _MASK,
    "MaskMissing": "Give the step a mask.",
    "ModelNotOffered": "Take another model, or another region with --region.",
    "NoAnswer": _LATER,
    "NotJson": "Take out of the prompt what is no whole character, or of the parameters what is no number.",
    "NotTaken": _AGAIN,
    "OutOfMemory": _SMALLER,
    "OutOfReach": "Allow the folder with --allow-path, or move the file into the project.",
    "OutputFormat": "Write it in another format: the ending in to: decides.",
    "OutputNotWritten": _ROOM,
    "ProxyRefused": "Leave out --no-proxy to preview it, or use another backend.",
    "Refused": "Mend what is named in the recipe or its row, then run again.",
    "ResultGone": "Run again: the provider keeps pictures for 24 hours, so it is made, and paid, again.",
    "ScorerFailed": "Mend the scorer, or pick by hand.",
    "StoreNotWritten": _ROOM,
    "TaskExpired": "Run again: the provider keeps tasks for 24 hours, so it is made, and paid, again.",
    "TaskLost": "Run again: it is made, and paid, again.",
    "TooManyTasks": _LATER,
    "Uncertain": "See wanflow status: it may be paid for already; --resubmit-uncertain sends it again.",
    "Unreachable": "Look at the network, the base URL and the region, then run again.",
    "UploadRefused": _LATER,
    "UrlRefused": "Allow the host with --allow-host, or download the picture and name the file.",
    "WorkerDied": "Run again; if it dies again, make the picture smaller before it, or give the machine more memory.",
    "WorkerNotStarted": "Close other programs, or use fewer -j, then run again.",
}


def remedied(code: str, message: str) -> tuple[str, str]:
    """A failure's words without the remedy that they may end with, and what helps; empty where nothing is known."""
    if own := REMEDIES.get(code):
        return message, own
    entry: Mapping[str, Any] = _codes().get(code) or _codes().get(code.rpartition(".")[0]) or {}
    known = [entry, *entry.get("texts", {}).values()] if entry else []
    for remedy in sorted((str(one.get("remedy", "")) for one in known), key=len, reverse=True):
        if remedy and message.rstrip().endswith(remedy):
            return message.rstrip().removesuffix(remedy).rstrip(), remedy
    return message, str(entry.get("remedy", ""))


def advice(failures: Iterable[tuple[str, str]]) -> Iterator[str]:
    """What helps against failures (code and message), each once; nothing for those whose messages say it themselves."""
    told = set()
    for code, message in failures:
        _, remedy = remedied(code, message)
        if remedy and remedy not in message and (code, remedy) not in told:
            told.add((code, remedy))
            yield f"{code}: {remedy}"


def _codes() -> Mapping[str, Any]:
    codes: Mapping[str, Any] = load("errors.json")["codes"]
    return codes
