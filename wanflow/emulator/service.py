"""The emulator's core: a request and the time go in, a response comes out. No clock, no network, no pixels."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from wanflow.emulator import listing, rules, stats
from wanflow.emulator.account import Account
from wanflow.emulator.disturb import Met, afterwards, instead
from wanflow.emulator.exchange import Refusal, Request, Response, answer, delivered, refusal
from wanflow.emulator.faults import Faults, parse
from wanflow.emulator.meters import Meter
from wanflow.emulator.options import Options
from wanflow.emulator.state import Store
from wanflow.emulator.storage import PATH as STORAGE
from wanflow.emulator.storage import Storage
from wanflow.emulator.tasks import Order, State, Task, shown
from wanflow.errors import UsageError
from wanflow.functions.catalog import account as limits
from wanflow.functions.catalog import protocols

API = "/api/v1"
CONTROL = "/__emulator__"
_TASK = re.compile(rf"{API}/tasks/([^/]+)(/cancel)?")
Handler = Callable[[Request, float], Response]


class Service:
    """The provider's routes for one account. `ids` gives a new UUID text at each call."""

    def __init__(self, options: Options, store: Store, faults: Faults, ids: Callable[[], str]) -> None:
        self.options, self.faults = options, faults
        self.account = Account(options, store, faults, ids)
        self.storage = Storage(store)
        self.refused: Counter[str] = Counter(store.kept("refused", {}))
        self.faults.met.update(store.kept("faults", {}))
        highest = store.kept("highest", {})
        self.arrivals = {name: Meter(highest.get(name, 0)) for name in self.account.models}
        self.queries = {name: Meter(highest.get(name, 0)) for name in ("query", "list", "cancel", "policy")}
        self._admitted = {name: Meter() for name in (*self.arrivals, *self.queries)}
        self._store = store
        self._random = Random(options.seed)
        self._bursts: dict[tuple[str, str], float] = {}

    def remember(self, now: float) -> None:
        """Keep the figures that tasks don't tell, and the time."""
        self._store.keep("now", now)
        self._store.keep("refused", self.refused)
        self._store.keep("faults", self.faults.met)
        self._store.keep("highest", {name: meter.highest for name, meter in (self.arrivals | self.queries).items()})

    # -- requests

    def handle(self, request: Request, now: float) -> Response:
        """Answer a request."""
        if self.options.state:
            self.remember(now)
        self.account.advance(now)
        if request.path.startswith(CONTROL):
            return self._control(request, now)
        place, work = self._route(request)
        if place == "nowhere":
            return self._refusal(refusal("NotFound"))
        model, identity = self._identity(place, request)
        if meter := self.arrivals.get(model) if place == "submit" else self.queries.get(place):
            meter.add(now)
        disturbance = self.faults.meet(place, model, identity)
        early = self._burst(place, model, disturbance, now) or instead(disturbance)
        if isinstance(early, Refusal):
            return self._refusal(early)
        if early:
            return early
        response = afterwards(disturbance, self._answered(place, work, request, now))
        if self.options.latency:
            response = delivered(response, delay_s=response.delay_s + self.options.latency.draw(self._random))
        return response

    def _route(self, request: Request) -> tuple[str, Handler]:
        path = request.path.rstrip("/")
        found = _TASK.fullmatch(path)
        match request.method:
            case "POST" if any(path == API + protocol.path for protocol in protocols().values()):
                return "submit", self._submit
            case "POST" if found and found[2]:
                return "cancel", self._cancel
            case "GET" if found and not found[2]:
                return "query", self._query
            case "GET" if path == f"{API}/tasks":
                return "list", self._list
            case "GET" if path == f"{API}/uploads":
                return "policy", self._policy
            case "POST" if path == STORAGE:
                return "upload", lambda asked, now: self.storage.upload(asked.form, now)
            case "GET" if path.startswith(f"{STORAGE}/"):
                return "download", self._download
        return "nowhere", self._download

    def _identity(self, place: str, request: Request) -> tuple[str, str]:
        """The model and what stays the same when the same request comes again, in this run or another."""
        if place == "submit":
            return self._asked_model(request), request.digest
        if found := _TASK.fullmatch(request.path.rstrip("/")):
            task = self.account.tasks.get(found[1])
            return (task.model, task.digest) if task else ("", found[1])
        if place == "download" and (task := self.account.tasks.get(request.path.split("/")[-2])):
            return task.model, f"{task.digest}/{request.path.rpartition('/')[2]}"
        return request.query.get("model", ""), request.path

    def _asked_model(self, request: Request) -> str:
        try:
            return str(rules.body_of(request)["model"])
        except Refusal:
            return ""

    def _burst(self, place: str, model: str, disturbance: Met, now: float) -> Refusal | None:
        if disturbance and disturbance[0] == "burst":
            seconds = disturbance[1].seconds
            self._bursts[place, model] = now + (2.0 if seconds is None else seconds)
        if now < self._bursts.get((place, model), now):
            return refusal("Throttling.BurstRate")
        return None

    def _answered(self, place: str, work: Handler, request: Request, now: float) -> Response:
        try:
            if place not in ("upload", "download"):
                self._check_key(request)
            if place in self.queries:
                self._admit(place, limits()["policies_per_second" if place == "policy" else "queries_per_second"], now)
            return work(request, now)
        except Refusal as error:
            return self._refusal(error)

    def _refusal(self, error: Refusal) -> Response:
        self.refused[error.code] += 1
        values = {"code": error.code, "message": error.message, "request_id": self.account.new_id()}
        response = answer(values, error.status)
        if error.retry_after_s is None:
            return response
        # The service was seen to send it once; no page promises it.
        return delivered(response, headers={**response.headers, "retry-after": f"{error.retry_after_s:g}"})

    def _check_key(self, request: Request) -> None:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if not key:
            raise refusal("InvalidApiKey", "No API-key")
        known = key in self.options.keys if self.options.keys else key.startswith("sk-")
        if kind.lower() != "bearer" or not known:
            raise refusal("InvalidApiKey")

    def _admit(self, name: str, limit: float, now: float) -> None:
        """Let a request of this kind (or model) in while fewer than so many were within the last second."""
        if self._admitted[name].full(now, limit):
            raise refusal("Throttling.RateQuota")
        self._admitted[name].add(now)

    # -- submitting

    def _submit(self, request: Request, now: float) -> Response:
        body = rules.body_of(request)
        protocol = next(way for way in protocols().values() if request.path.rstrip("/") == API + way.path)
        model = rules.check_way(self.account.models.get(body["model"]), protocol, request)
        name = body["model"]
        if self._admitted[name].full(now, self.account.offer(name).submissions_per_second):
            raise refusal("Throttling.RateQuota")
        try:
            order = rules.order_of(model, protocol, body, resolve=request.enabled("x-dashscope-ossresourceresolve"))
        except Refusal as error:
            if self.options.validate == "submit":
                raise
            order = Order("", "", "", {}, (), refused=(error.code, error.message))
        queue = self.account.queues[name]
        if self.options.refuse_excess and len(queue) >= queue.slots:
            raise refusal("Throttling.Concurrency")  # the code is not documented (assumed)
        self._admitted[name].add(now)
        task = self.account.take(name, protocol.name, request.digest, order, now)
        if not protocol.is_async:
            return Response(awaits=task.id)
        return answer({"output": {"task_status": "PENDING", "task_id": task.id}, "request_id": task.request_id})

    def held(self, task_id: str, origin: str) -> Response | None:
        """The answer of a synchronous call; None while its task runs."""
        task = self.account.tasks[task_id]
        if not task.over:
            return None
        assert task.outcome  # noqa: S101 - told to mypy; a synchronous task can't be canceled
        if task.state is not State.SUCCEEDED:
            return self._refusal(_failed(task))
        said = self._shown(task, origin)
        output = {name: said["output"][name] for name in ("choices", "finished")}
        return answer({"output": output, "usage": said["usage"], "request_id": task.request_id})

    # -- asking

    def _query(self, request: Request, now: float) -> Response:
        task_id = request.path.rstrip("/").rpartition("/")[2]
        task = self.account.alive(task_id, now)
        if task is None or task.state is State.UNKNOWN:
            unknown = {"task_id": task_id, "task_status": State.UNKNOWN.value}
            return answer({"request_id": self.account.new_id(), "output": unknown})
        task.polls += 1
        return answer({"request_id": self.account.new_id(), **self._shown(task, request.origin)})

    def _shown(self, task: Task, origin: str) -> dict[str, Any]:
        names = [item.name for item in task.outcome.items if item.name] if task.outcome else []
        until = (task.ended or 0) + limits()["result_hours"] * 3600
        links = {name: self.storage.link(origin, name, until) for name in names}
        return shown(task, links, protocols()[task.protocol].answer, self.account.model_of(task).result_prompts)

    def _cancel(self, request: Request, now: float) -> Response:
        task = self.account.alive(request.path.rstrip("/").split("/")[-2], now)
        if task is None or not self.account.cancel(task, now):
            raise refusal("UnsupportedOperation")
        return answer({"request_id": self.account.new_id()})

    def _list(self, request: Request, now: float) -> Response:
        tasks = [task for name in self.account.tasks if (task := self.account.alive(name, now))]
        listed = listing.page(tasks, request.query, self.options.region, now)
        return answer({**listed, "request_id": self.account.new_id()})

    # -- files

    def _policy(self, request: Request, now: float) -> Response:
        if request.query.get("action") != "getPolicy":
            raise refusal("InvalidParameter", "Required parameter", parameter="action")  # assumed
        if not (model := request.query.get("model")):
            raise refusal("InvalidParameter", "Required parameter", parameter="model")  # assumed
        data = self.storage.policy(request.origin, model, self.account.new_id(), now)
        return answer({"data": data, "request_id": self.account.new_id()})

    def _download(self, request: Request, now: float) -> Response:
        return self.storage.download(request.path.removeprefix(f"{STORAGE}/"), request.query, now)

    # -- what only an emulator has

    def _control(self, request: Request, now: float) -> Response:
        match request.method, request.path.removeprefix(CONTROL):
            case "GET", "/stats":
                return answer(stats.figures(self, now))
            case "POST", "/faults":
                try:
                    self.faults.order(*parse(json.loads(request.body)))
                except (UsageError, ValueError) as error:
                    return answer({"error": str(error)}, 400)
                return answer({"faults": len(self.faults.faults), "seed": self.faults.seed})
        return answer({"error": f"there is GET {CONTROL}/stats and POST {CONTROL}/faults"}, 404)


def _failed(task: Task) -> Refusal:
    """The refusal that a synchronous call gets whose task failed, or was lost."""
    if task.outcome and task.outcome.code:
        return Refusal(task.outcome.code, task.outcome.message)
    return refusal("InternalError")
