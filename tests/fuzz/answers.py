"""Whatever a service may answer: task states, lists, upload policies, refusals, waiting times."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import mutations

from wanflow.wire import answers, verdicts

TASK = {
    "request_id": "7574ee8f-38a3-4b1e-9280-11c33ab46e51",
    "output": {
        "task_id": "86ecf553-d340-4e21-xxxxxxxxx",
        "task_status": "SUCCEEDED",
        "submit_time": "2026-11-03 10:12:46.001",
        "scheduled_time": "2026-11-03 10:12:46.020",
        "end_time": "2026-11-03 10:12:55.300",
        "results": [
            {"url": "https://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/1.png?Expires=1&Signature=x%3D"},
            {"code": "DataInspectionFailed", "message": "Input data may contain inappropriate content."},
            {"orig_prompt": "a", "actual_prompt": "b", "url": "https://dashscope-result.oss.aliyuncs.com/2.png"},
        ],
        "task_metrics": {"TOTAL": 3, "SUCCEEDED": 2, "FAILED": 1},
    },
    "usage": {"image_count": 2},
}
SYNC = {
    "output": {"choices": [{"message": {"content": [{"image": "https://a.oss.aliyuncs.com/1.png"}, {"text": "x"}]}}]}
}
LIST = {
    "total_page": 2,
    "data": [{"task_id": "a-1", "status": "RUNNING", "model_name": "m", "gmt_create": 1790000000000}] * 3,
}
POLICY = {"data": {"policy": "eyJ=", "signature": "g5==", "upload_dir": "dashscope/2026/x", "upload_host": "https://f.oss.aliyuncs.com", "expire_in_seconds": 300, "max_file_size_mb": 100, "oss_access_key_id": "LTAI", "x_oss_object_acl": "private", "x_oss_forbid_overwrite": "true"}}  # fmt: skip
REFUSAL = {"code": "Throttling.RateQuota", "message": "Requests rate limit exceeded", "request_id": "x"}
SEEDS = (TASK, SYNC, LIST, POLICY, REFUSAL)
READERS = (answers.accepted, answers.task, answers.finished, answers.page, answers.policy, answers.refusal)
WAITS = ("3", "-1", "1e9", "Wed, 21 Oct 2026 07:28:00 GMT", "", "nan", "9" * 5000)
NOW = datetime(2026, 11, 3, tzinfo=UTC)


def cases(random: Random) -> Iterator[tuple[int, bytes, str]]:
    """Which reader, the body, and a Retry-After header."""
    while True:
        whole = mutations.dumped(random, mutations.tree(random, random.choice(SEEDS)))
        if random.random() < 0.4:
            whole = mutations.text(random, whole, ("{", "}", '":', "null", '"FAILED"', '"url":"http://'))
        raw = whole.encode("utf-8", "surrogatepass")
        raw = mutations.raw(random, raw) if random.random() < 0.1 else raw
        yield random.randrange(len(READERS)), raw, mutations.text(random, random.choice(WAITS))


def probe(case: tuple[int, bytes, str]) -> None:
    """Raises EditError."""
    reader, raw, wait = case
    seconds = verdicts.retry_after(wait, NOW)
    assert seconds is None or 0 <= seconds <= 3600
    refusal = answers.refusal(raw)
    for phase in verdicts.Phase:
        judged: Any = verdicts.judged(refusal.code, refusal.message, phase, status=reader * 100, retry_after_s=seconds)
        assert str(judged).isprintable()
    READERS[reader](raw)
