"""The answer to "which tasks are there": flat, by page, within a window of at most 24 hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from wanflow.emulator.exchange import refusal
from wanflow.emulator.tasks import Task, moment_of
from wanflow.functions.catalog import protocols

_DAY_S = 24 * 3600
# Whoever asks, the account is one.
_ACCOUNT = {"api_key_id": "1", "caller_parent_id": "1000000000000001", "caller_uid": "1000000000000001"}


def page(tasks: Sequence[Task], query: Mapping[str, str], region: str, now: float) -> dict[str, Any]:
    """One page of the tasks that a query means, newest first (assumed). Raises Refusal."""
    number, size = _whole(query, "page_no", 1), _whole(query, "page_size", 10)
    start, end = _window(query, now)
    found = [task for task in tasks if start <= task.submitted <= end and _meant(task, query)]
    found.sort(key=lambda task: task.submitted, reverse=True)
    rows = [_row(task, region) for task in found[(number - 1) * size : number * size]]
    return {
        "total": len(found),
        "data": rows,
        "total_page": ceil(len(found) / size),
        "page_no": number,
        "page_size": size,
    }


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or not int(text):
        raise refusal("InvalidParameter", "The type or value", parameter=name)  # assumed
    return int(text)


def _window(query: Mapping[str, str], now: float) -> tuple[float, float]:
    end = _moment(query, "end_time", now)
    start = _moment(query, "start_time", end - _DAY_S)
    if not 0 <= end - start <= _DAY_S:
        raise refusal("InvalidParameter", "The type or value", parameter="start_time")  # assumed
    return start, end


def _moment(query: Mapping[str, str], name: str, default: float) -> float:
    if name not in query:
        return default
    try:
        return moment_of(query[name])
    except ValueError as error:
        raise refusal("InvalidParameter", "The type or value", parameter=name) from error  # assumed


def _meant(task: Task, query: Mapping[str, str]) -> bool:
    wanted = {"task_id": task.id, "model_name": task.model, "status": task.state.value}
    return all(query.get(name) in (None, "", value) for name, value in wanted.items())


def _row(task: Task, region: str) -> dict[str, Any]:
    path = protocols()[task.protocol].path.removeprefix("/services/").replace("/", ":")
    times = {"gmt_create": task.submitted, "start_time": task.started, "end_time": task.ended}
    return {
        **_ACCOUNT,
        **{name: int(moment * 1000) for name, moment in times.items() if moment is not None},
        "model_name": task.model,
        "region": region,
        "request_id": task.request_id,
        "status": task.state.value,
        "task_id": task.id,
        "user_api_unique_key": f"apikey:v1:{path}:{task.model}",
    }
