"""The paid backend: wan/* steps at DashScope, local/* steps on this machine. Planning with it needs no key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from wanflow.address import address
from wanflow.amounts import exact
from wanflow.backends.draft import DraftBackend, local_fingerprint
from wanflow.backends.services import Services
from wanflow.errors import UsageError, did_you_mean
from wanflow.functions.catalog import Model, Offer, models
from wanflow.language.recipe import Step
from wanflow.limits.pace import look_gap_s
from wanflow.model import Account, Call, Limits, Result, Terms
from wanflow.settings import ModelSettings

if TYPE_CHECKING:
    from wanflow.backends.dashscope import DashScope
    from wanflow.backends.dashscope.secret import Secret
    from wanflow.store.uploads import Uploads

# Tasks that wait in the provider's queue: a slot that falls free is taken before we hear of it.
AHEAD = 3


class ProviderBackend:
    """One account at DashScope, in one region."""

    name = "dashscope"
    takes_hints = False

    def __init__(self, services: Services) -> None:
        self._services = services
        self._local = DraftBackend(services.workers)
        self._provider = services.provider
        self._address = address(self._provider)
        self._region = self._address.region
        for name in self._provider.models:
            if name not in models():
                known = did_you_mean(name, models())
                raise UsageError(f"wanflow.toml: dashscope.models: there is no model {name}. {known}")

    # -- what planning asks

    @property
    def place(self) -> str:
        """The provider and the region; of another address its host, and that it isn't the provider's if so."""
        if self._address.stand_in:
            return f"{self._address.stand_in} (no provider's address)"
        if not self._provider.base_url:
            workspace = f", workspace {self._provider.workspace}" if self._provider.workspace else ""
            return f"DashScope, {self._region.name}{workspace}"
        return f"DashScope, {self._address.host} (prices of {self._region.name})"

    def fingerprint(self, step: Step) -> str:
        """The model, and whether the provider itself or something in its place makes the picture."""
        if step.function.is_local:
            return local_fingerprint(step)
        return f"dashscope:{step.model}:stand-in" if self._address.stand_in else f"dashscope:{step.model}"

    def terms(self, step: Step) -> Terms:
        """The price and limits of the step's model in this region, unless the project sets others."""
        if step.function.is_local:
            return self._local.terms(step)
        model, offer, own = self._model(step), self._offer(step), self._own(step)
        usd = Decimal(str(own.price_usd)) if own.price_usd is not None else offer.price.usd if offer.price else None
        limits = Limits(
            own.concurrent_tasks or offer.concurrent_tasks,
            own.submissions_per_second or offer.submissions_per_second,
            AHEAD if own.submit_ahead is None else own.submit_ahead,
        )
        low, high = model.typical_seconds
        seconds, lane = (low + high) / 2, f"{self._region.name}/{offer.name}"
        price, source = offer.price, _price_source(offer)
        if own.price_usd is not None:
            # A stranger's project may understate it, and with it whatever is bounded by --max-cost.
            known_usd = f" in place of {exact(offer.price.usd)}" if offer.price else ""
            price, source = None, f"wanflow.toml{known_usd}"
        spread, unseen = (high - low) / (high + low), look_gap_s(low, high) / 2
        known = (usd, seconds, lane, limits)
        return Terms("real", *known, paid=True, price=price, price_source=source, spread=spread, unseen=unseen)

    def refuses(self, step: Step) -> str:
        """Why this account can't do a step: its model isn't offered in the region; empty when it can."""
        if step.function.is_local or self._region.name in self._model(step).offers:
            return ""
        return f"{step.model} is not offered in {self._region.name}; it is in {', '.join(self._model(step).offers)}"

    def foresee(self, step: Step, parameters: Mapping[str, Any]) -> str:
        """A model draws what it is asked for."""
        return self._local.foresee(step, parameters) if step.function.is_local else "real"

    def preview(self, call: Call, pictures: Mapping[str, str]) -> dict[str, Any]:
        """The request that submits a paid call: method, URL, headers and body, as they are sent but for the key."""
        if call.model is None:
            return self._local.preview(call, pictures)
        from wanflow.backends.dashscope.client import preferred
        from wanflow.wire import requests

        model = models()[call.model]
        name = (model.offers.get(self._region.name) or model.offer()).name
        taken = {slot: pictures[slot] for slot in requests.slots(model, call)}
        request = requests.submission(model, preferred(model), name, call, taken)
        url = f"{self._address.url or ''}{request.path}"
        return {"method": request.method, "url": url, "headers": dict(request.headers), "body": request.json}

    # -- what a run asks

    def account(self) -> Account:
        """Told apart by the key, or by the name that the project gives it and the region, since a key is of one region.
        Raises UsageError naming what is missing.
        """
        key = self._key.reveal()
        self._address.required()
        return self.named_account() or self._account(key)

    def named_account(self) -> Account | None:
        """The account that the settings name."""
        name = self._provider.account
        return self._account(f"name:{name}\n{self._region.name}") if name else None

    def _account(self, whose: str) -> Account:
        where = self._address.stand_in or "dashscope"
        digest = hashlib.sha256(f"{where}\n{whose}".encode()).hexdigest()
        return Account(digest[:20], f"{self._provider.account or 'account'} at {self.place}")

    def service(self, uploads: Uploads) -> DashScope:
        """The client. Raises UsageError naming what is missing."""
        from wanflow.backends.dashscope import DashScope

        slots = {name: own.concurrent_tasks for name, own in self._provider.models.items() if own.concurrent_tasks}
        client = DashScope(
            base_url=self._address.required(),
            key=self._key,
            region=self._region.name,
            workspace=self._provider.workspace,
            store=self._services.workers.store,
            clock=self._services.clock,
            concurrent=slots,
            note=self._services.note,
            uploads=uploads,
        )
        client.open()
        return client

    async def perform(self, call: Call) -> Result:
        """Do a local/* step. Raises EditError."""
        return await self._local.perform(call)

    # -- parts

    def _model(self, step: Step) -> Model:
        return models()[str(step.model)]

    def _offer(self, step: Step) -> Offer:
        model = self._model(step)
        # Of a model that this region doesn't have, the plan shows the first offer beside the refusal.
        return model.offers.get(self._region.name) or model.offer()

    def _own(self, step: Step) -> ModelSettings:
        return self._provider.models.get(str(step.model), ModelSettings())

    @property
    def _key(self) -> Secret:
        from wanflow.backends.dashscope.secret import Secret

        variable = self._provider.key_variable
        if not (key := self._services.secret(variable)):
            raise UsageError(f"the API key is missing: put it into the environment variable {variable}")
        return Secret(key, f"the API key in {variable}")


def _price_source(offer: Offer) -> str:
    if not (price := offer.price):
        return offer.price_note.rstrip(".")
    return f"{price.amount} {price.currency}, {price.date}, {price.source}"
