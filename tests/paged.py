"""A report of any number of rows, without a run: what a page does with many is no matter of their pictures."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from wanflow.reporting.model import Head, IndexEntry, Row
from wanflow.reporting.page import embeddable, html

SIZE = 50
STEPS = ("prep", "colorize", "detail")
STATUSES = (("done", "done", "good"), ("reused", "reused", "reused"), ("failed", "failed", "bad"))


def picture(number: int, alt: str) -> Any:
    name = f"pictures/{number % 24:064x}"
    return {
        "sha256": f"{number % 24:064x}",
        "width": 320,
        "height": 240,
        "thumb": f"{name}-320.webp",
        "view": f"{name}-320.webp",
        "alt": alt,
        "note": "",
    }


def job(key: str, place: int, step: str) -> Any:
    failed = step == "detail" and place % 40 == 39
    error = {"code": "InternalError", "message": "It broke.", "remedy": "Run again."}
    return {
        "job": f"{key}/{step}",
        "label": step,
        "step": step,
        "status": "failed" if failed else "reused" if step == "prep" else "done",
        "function": f"wan/{step}",
        "fidelity": "draft",
        "usd": "$0.02",
        "seconds": 1.0,
        "time": "1.0 s",
        "task_id": f"task-{place}",
        "attempts": 1,
        "warnings": [],
        "tags": [],
        "prompt": f"Number {place}: the whole scene, with more of its surroundings and faded colours",
        "params": [["seed", "7"], ["strength", "0.4"]],
        "error": error if failed else None,
        "before": picture(place, f"{key}, photo"),
        "pictures": [] if failed else [picture(place + STEPS.index(step) + 1, f"{key}, {step}")],
        "picked": [] if failed else [1],
        "by": "",
        "tries": [],
        "outputs": [],
        "reused_from": "",
        "compare": None,
    }


def row(place: int) -> Any:
    key = f"{place + 1:05d}"
    source = {"name": f"scan-{key}.jpg", "slot": "row.photo", "picture": picture(place, f"{key}, photo")}
    jobs = [job(key, place, step) for step in STEPS]
    return {
        "key": key,
        "place": f"photos.csv:{place + 2}",
        "statuses": sorted({one["status"] for one in jobs}),
        "inputs": [source],
        "jobs": jobs,
        "note": "",
    }


def entry(place: int, made: Row) -> IndexEntry:
    ids = [status for status, _, _ in STATUSES]
    jobs = [[number, ids.index(one["status"])] for number, one in enumerate(made["jobs"])]
    return (
        made["key"],
        place // SIZE + 1,
        jobs,
        f"{made['place']} {made['inputs'][0]['name']} {made['jobs'][0]['prompt']}",
    )


def head(rows: int) -> Head:
    step: dict[str, Any] = {"model": "wanx2.1-imageedit", "needs": [], "tags": [], "lane": "", "per_run": False}
    counted = {"counts": {"done": rows, "failed": rows // 40}, "usd": "$1", "seconds": 1.0, "time": "1 s"}
    found: Any = {
        "title": "many",
        "run": {"id": "20261121T220000Z", "recipe": "many.yaml", "backend": "draft", "place": "", "when": "now"},
        "summary": f"{rows:,} rows",
        "figures": [["done", f"{rows:,}", ""]],
        "notes": [],
        "problems": [],
        "failures": [],
        "failures_left": 0,
        "steps": [{**step, **counted, "id": name, "function": f"wan/{name}"} for name in STEPS],
        "statuses": [{"id": id_, "name": name, "kind": kind} for id_, name, kind in STATUSES],
        "graph": "",
        "timeline": {"seconds": 1.0, "lanes": []},
        "pages": {"size": SIZE, "count": -(-rows // SIZE), "rows": rows},
        "compare": None,
    }
    result: Head = found
    return result


def written(folder: Path, rows: int) -> None:
    """Write the report: `rows` rows that share two dozen pictures."""
    for name in ("data", "pictures"):
        (folder / name).mkdir(parents=True)
    for number in range(24):
        buffer = BytesIO()
        Image.linear_gradient("L").resize((320, 240)).rotate(number * 15).save(buffer, "WEBP")
        (folder / "pictures" / f"{number:064x}-320.webp").write_bytes(buffer.getvalue())
    made = [row(place) for place in range(rows)]
    pages = [made[start : start + SIZE] for start in range(0, rows, SIZE)]
    for number, page in enumerate(pages, start=1):
        (folder / "data" / f"rows-{number:04d}.js").write_text(f"wanflow.rows({number}, {embeddable(page)});")
    index = [entry(place, one) for place, one in enumerate(made)]
    (folder / "data" / "index.js").write_text(f"wanflow.index({embeddable(index)});")
    (folder / "index.html").write_text("".join(html(head(rows), pages[0])), encoding="utf-8")
