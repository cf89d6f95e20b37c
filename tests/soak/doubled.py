"""Two of every process on one database, behind the proxy of `deploy/`, which keeps a browser with the same storefront."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.journeys.stand import Stand, answers
from tests.machine import eventually, free_port
from tests.proxies import caddy

# What is started beside a stand's own webhook and worker.
MORE = ("webhook-2", "worker-2", "storefront", "storefront-2")


class Doubled(Stand):
    """A stand whose second processes bear a 2 at their names. What reaches the shop reaches it by the proxy."""

    def __init__(self, folder: Path, **settings: object) -> None:
        super().__init__(folder, **settings)
        self.own = {
            "webhook": free_port(), "webhook-2": free_port(), "storefront": self.ports["storefront"],
            "storefront-2": free_port(),
        }  # fmt: skip
        self.door = self.ports["webhook"]
        # The proxy gives this to the storefronts; Stripe's events, which the sandbox sends to the same port, to the webhooks.
        self.webhook_url = f"http://127.0.0.1:{self.door}/api"

    @contextmanager
    def proxy(self) -> Iterator[None]:
        """The proxy, once all that it leads to is there."""
        storefronts, webhooks = (
            [self.own[name] for name in (first, f"{first}-2")] for first in ("storefront", "webhook")
        )
        with caddy(self.folder, port=self.door, storefronts=storefronts, webhooks=webhooks, tls=False):
            yield

    def health(self, name: str) -> str:
        if name not in self.own:
            return super().health(name)
        return f"http://127.0.0.1:{self.own[name]}{'/api' if name.startswith('storefront') else ''}/healthz"

    def _begin(self, name: str, env: dict[str, str]) -> "subprocess.Popen[bytes]":
        first = name.removesuffix("-2")
        port = {f"{first.upper()}_PORT": str(self.own[name])} if name in self.own else {}
        return super()._begin(first, env | port)

    def _is_ready(self, name: str, said: int) -> bool:
        if name == "worker-2":
            return self.log("worker").count("worker: ready") >= 2
        return super()._is_ready(name, said)


def two_of_each(stand: Doubled) -> None:
    """Start what a stand does not have by itself."""
    stand.start(*MORE)
    for name in MORE:
        if name in stand.own:
            eventually(partial(answers, stand.health(name)))
