"""The emulator's core: a request and the time go in, a response comes out. No clock, no network, no pixels.

Work on images is done by others: `due_work` says on what, `worked` takes what came of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random
from typing import Any

from wanflow.catalog import Model, account, offered, protocols
from wanflow.emulator import faults as kinds
from wanflow.emulator import listing, rules, stats
from wanflow.emulator.disturb import afterwards, instead
from wanflow.emulator.exchange import Refusal, Request, Response, answer, delivered, refusal
from wanflow.emulator.faults import Faults
from wanflow.emulator.meters import Meter
from wanflow.emulator.options import Options
from wanflow.emulator.queue import Queue
from wanflow.emulator.state import Store
from wanflow.emulator.storage import PATH as STORAGE
from wanflow.emulator.storage import Storage
from wanflow.emulator.tasks import Order, Outcome, State, Task, shown
from wanflow.errors import UsageError

API = "/api/v1"
CONTROL = "/__emulator__"
_TASK = re.compile(rf"{API}/tasks/([^/]+)(/cancel)?")
Handler = Callable[[Request, float], Response]


class Service:
    """One account's service in one region. `ids` gives a new UUID text at each call."""

    def __init__(self, options: Options, store: Store, faults: Faults, ids: Callable[[], str]) -> None:
        self.options, self.store, self.faults = options, store, faults
        self.storage = Storage(store)
        self.models = offered(options.region)
        self.queues = {name: Queue(model.offer(options.region).concurrent_tasks) for name, model in self.models.items()}
        self.tasks: dict[str, Task] = {}
        self.refused: Counter[str] = Counter(store.kept("refused", {}))
        self.faults.met.update(store.kept("faults", {}))
        highest = store.kept("highest", {})
        self.arrivals = {name: Meter(highest.get(name, 0)) for name in self.models}
        self.queries = {name: Meter(highest.get(name, 0)) for name in ("query", "list", "cancel", "policy")}
        self._admitted = {name: Meter() for name in self.models}
        self._ids = ids
        self._random = Random(options.seed)
        self._working: set[str] = set()
        self._bursts: dict[tuple[str, str], float] = {}
        self._restore()

    def _restore(self) -> None:
        for task in self.store.tasks():
            self.tasks[task.id] = task
            self._service_s()  # keeps the draws in step with the run that this one continues
            if not task.over and task.model in self.queues:
                self.queues[task.model].add(task)
                task.due = None if task.outcome is None else task.due
        for name, most in self.store.kept("running", {}).items():
            if name in self.queues:
                self.queues[name].max_running = most

    def remember(self, now: float) -> None:
        """Keep the figures that tasks don't tell, and the time."""
        self.store.keep("now", now)
        self.store.keep("refused", self.refused)
        self.store.keep("faults", self.faults.met)
        self.store.keep("highest", {name: meter.highest for name, meter in (self.arrivals | self.queries).items()})
        self.store.keep("running", {name: queue.max_running for name, queue in self.queues.items()})

    # -- time

    def advance(self, now: float) -> None:
        """Bring every task to where it is at this time."""
        for queue in self.queues.values():
            for task in queue.advance(now):
                if task.state is State.SUCCEEDED and "lost" in task.fate:
                    task.state = State.UNKNOWN
                self.store.save(task)

    def next_event(self) -> float | None:
        """When a task will end by itself."""
        events = (queue.next_event() for queue in self.queues.values())
        return min((event for event in events if event is not None), default=None)

    def due_work(self) -> Iterator[Task]:
        """Tasks whose images are wanted; each is given out once."""
        for queue in self.queues.values():
            for task in queue.running:
                if task.outcome is None and task.id not in self._working:
                    self._working.add(task.id)
                    yield task

    def worked(self, task: Task, outcome: Outcome, now: float) -> None:
        """Take what came of the work on a task."""
        self._working.discard(task.id)
        task.outcome = outcome
        self.queues[task.model].worked(task, now)
        self.advance(now)

    # -- requests

    def handle(self, request: Request, now: float) -> Response:
        """Answer a request."""
        self.advance(now)
        if request.path.startswith(CONTROL):
            return self._control(request, now)
        place, work = self._route(request)
        if place == "nowhere":
            return self._refusal(refusal("NotFound"))
        model, identity = self._identity(place, request)
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
            return self._asked_model(request), _digest(request.body)
        if found := _TASK.fullmatch(request.path.rstrip("/")):
            task = self.tasks.get(found[1])
            return (task.model, task.digest) if task else ("", found[1])
        if place == "download" and (task := self.tasks.get(request.path.split("/")[-2])):
            return task.model, f"{task.digest}/{request.path.rpartition('/')[2]}"
        return request.query.get("model", ""), request.path

    def _asked_model(self, request: Request) -> str:
        try:
            return str(rules.body_of(request)["model"])
        except Refusal:
            return ""

    def _burst(self, place: str, model: str, disturbance: tuple[str, kinds.Fault] | None, now: float) -> Refusal | None:
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
                self._check_queries(place, now)
            return work(request, now)
        except Refusal as error:
            return self._refusal(error)

    def _refusal(self, error: Refusal) -> Response:
        self.refused[error.code] += 1
        values = {"code": error.code, "message": error.message, "request_id": self._ids()}
        return answer(values, error.status)

    def _check_key(self, request: Request) -> None:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if not key:
            raise refusal("InvalidApiKey", "No API-key")
        known = key in self.options.keys if self.options.keys else key.startswith("sk-")
        if kind.lower() != "bearer" or not known:
            raise refusal("InvalidApiKey")

    def _check_queries(self, place: str, now: float) -> None:
        limit = account()["policies_per_second" if place == "policy" else "queries_per_second"]
        refused = self.queries[place].full(now, limit)
        self.queries[place].add(now)
        if refused:
            raise refusal("Throttling.RateQuota")

    # -- submitting

    def _submit(self, request: Request, now: float) -> Response:
        body = rules.body_of(request)
        protocol = next(way for way in protocols().values() if request.path.rstrip("/") == API + way.path)
        model = rules.check_way(self.models.get(body["model"]), protocol, request)
        name = body["model"]
        self.arrivals[name].add(now)
        if self._admitted[name].full(now, model.offer(self.options.region).submissions_per_second):
            raise refusal("Throttling.RateQuota")
        try:
            order = rules.order_of(model, protocol, body, resolve=request.enabled("x-dashscope-ossresourceresolve"))
        except Refusal as error:
            if self.options.validate == "submit":
                raise
            order = Order("", "", "", {}, (), refused=(error.code, error.message))
        queue = self.queues[name]
        if self.options.refuse_excess and len(queue) >= queue.slots:
            raise refusal("Throttling.Concurrency")  # the code is not documented (assumed)
        self._admitted[name].add(now)
        task = self._take(name, protocol.name, _digest(request.body), order, now)
        if not protocol.is_async:
            return Response(awaits=task.id)
        return answer({"output": {"task_status": "PENDING", "task_id": task.id}, "request_id": task.request_id})

    def _take(self, model: str, protocol: str, digest: str, order: Order, now: float) -> Task:
        fate = self.faults.meet("task", model, digest)
        task = Task(
            id=self._new_id(),
            request_id=self._ids(),
            model=model,
            protocol=protocol,
            digest=digest,
            order=order,
            n=order.parameters.get("n", 1),
            submitted=now,
            service_s=self._service_s(model),
            fate={fate[0]: fate[1].json(fate[0])} if fate else {},
        )
        if "slow" in task.fate:
            task.service_s += 60.0 if task.fate["slow"]["seconds"] is None else task.fate["slow"]["seconds"]
        self.tasks[task.id] = task
        self.queues[model].add(task)
        self.store.save(task)
        self.advance(now)
        return task

    def _new_id(self) -> str:
        while (name := self._ids()) in self.tasks:
            pass
        return name

    def _service_s(self, model: str = "") -> float:
        known = self.models.get(model) or next(iter(self.models.values()))
        return self.options.service_times(known).draw(self._random)

    def held(self, task_id: str, origin: str) -> Response | None:
        """The answer of a synchronous call; None while its task runs."""
        task = self.tasks[task_id]
        if not task.over:
            return None
        assert task.outcome  # noqa: S101 - told to mypy; a synchronous task can't be canceled
        if task.state is not State.SUCCEEDED:
            return self._refusal(refusal("InternalError") if not task.outcome.code else _as_refusal(task.outcome))
        said = self._shown(task, origin)
        output = {name: said["output"][name] for name in ("choices", "finished")}
        return answer({"output": output, "usage": said["usage"], "request_id": task.request_id})

    # -- asking

    def alive(self, task_id: str, now: float) -> Task | None:
        """A task that can be asked for: not expired, and none of a synchronous call."""
        task = self.tasks.get(task_id)
        if task is None or now - task.submitted >= account()["result_hours"] * 3600:
            return None
        return task if protocols()[task.protocol].is_async else None

    def _query(self, request: Request, now: float) -> Response:
        task_id = request.path.rstrip("/").rpartition("/")[2]
        task = self.alive(task_id, now)
        if task is None or task.state is State.UNKNOWN:
            unknown = {"task_id": task_id, "task_status": State.UNKNOWN.value}
            return answer({"request_id": self._ids(), "output": unknown})
        task.polls += 1
        return answer({"request_id": self._ids(), **self._shown(task, request.origin)})

    def _shown(self, task: Task, origin: str) -> dict[str, Any]:
        names = [item.name for item in task.outcome.items if item.name] if task.outcome else []
        until = (task.ended or 0) + account()["result_hours"] * 3600
        links = {name: self.storage.link(origin, name, until) for name in names}
        return shown(task, links, protocols()[task.protocol].answer, self.models[task.model].result_prompts)

    def _cancel(self, request: Request, now: float) -> Response:
        task = self.alive(request.path.rstrip("/").split("/")[-2], now)
        if task is None or not self.queues[task.model].cancel(task, now):
            raise refusal("UnsupportedOperation")
        self.store.save(task)
        return answer({"request_id": self._ids()})

    def _list(self, request: Request, now: float) -> Response:
        tasks = [task for name in self.tasks if (task := self.alive(name, now))]
        listed = listing.page(tasks, request.query, self.options.region, now)
        return answer({**listed, "request_id": self._ids()})

    # -- files

    def _policy(self, request: Request, now: float) -> Response:
        if request.query.get("action") != "getPolicy":
            raise refusal("InvalidParameter", "Required parameter", parameter="action")  # assumed
        if not (model := request.query.get("model")):
            raise refusal("InvalidParameter", "Required parameter", parameter="model")  # assumed
        data = self.storage.policy(request.origin, model, self._ids(), now)
        return answer({"data": data, "request_id": self._ids()})

    def _download(self, request: Request, now: float) -> Response:
        return self.storage.download(request.path.removeprefix(f"{STORAGE}/"), request.query, now)

    # -- what only an emulator has

    def _control(self, request: Request, now: float) -> Response:
        match request.method, request.path.removeprefix(CONTROL):
            case "GET", "/stats":
                return answer(stats.figures(self, now))
            case "POST", "/faults":
                try:
                    self.faults.order(*kinds.parse(json.loads(request.body)))
                except (UsageError, ValueError) as error:
                    return answer({"error": str(error)}, 400)
                return answer({"faults": len(self.faults.faults), "seed": self.faults.seed})
        return answer({"error": f"there is GET {CONTROL}/stats and POST {CONTROL}/faults"}, 404)

    def model_of(self, task: Task) -> Model:
        """The model that a task is for."""
        return self.models[task.model]


def _as_refusal(outcome: Outcome) -> Refusal:
    return Refusal(outcome.code, outcome.message)


def _digest(body: bytes) -> str:
    """The digest of a body's values: two bodies that differ only in spaces or order are equal."""
    with suppress(ValueError):
        body = json.dumps(json.loads(body), sort_keys=True, ensure_ascii=False).encode()
    return hashlib.sha256(body).hexdigest()
