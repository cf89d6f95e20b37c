"""Callers of the shop and of the sandbox, who come back as long as nobody answers or they are asked to."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from threading import Event, Lock
from typing import Any, TypeVar

import httpx

from tests.journeys.stand import Stand

Found = TypeVar("Found")
Row = dict[str, Any]

_API = {"Authorization": "Bearer sk_test_pushcart_sandbox"}
_PATIENCE = 1800.0
_PAUSE = 0.3
# Nothing but faults that are armed, and a webhook that is being restarted, may look like this to anybody.
_COME_BACK = (429, 503)


class Stopped(Exception):
    """The soak is being broken off."""


class Caller:
    """One who calls, over wires that all share, until there is an answer. `count` is what had to be done again.

    Who wants cookies of their own brings a browser of their own.
    """

    def __init__(self, stand: Stand, stopping: Event, count: Counter[str]) -> None:
        self.count = count
        self._stand, self._stopping = stand, stopping
        self._counting = Lock()
        self.wires = httpx.HTTPTransport(limits=httpx.Limits(max_connections=64))
        self._http = httpx.Client(transport=self.wires, timeout=30)

    def note(self, what: str) -> None:
        """Count something that was done."""
        with self._counting:
            self.count[what] += 1

    def until_answered(self, ask: Callable[[], httpx.Response], *, also: tuple[int, ...] = ()) -> httpx.Response:
        """The first answer that says something: who finds nobody, or is asked to come back, does so."""

        def answer() -> httpx.Response | None:
            try:
                found = ask()
            except httpx.TransportError:
                self.note("found nobody, came back")
                return None
            if found.status_code in (*_COME_BACK, *also):
                self.note("was asked to come back")
                return None
            return found

        return self.until(answer, "an answer")

    def until(self, look: Callable[[], Found | None], what: str) -> Found:
        """What `look` finds as soon as it finds something. Raises Stopped, or TimeoutError when patience is over."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            if self._stopping.is_set():
                raise Stopped
            found = look()
            if found is not None and found is not False:
                return found
            self._stopping.wait(_PAUSE)
        raise TimeoutError(f"no {what} within {_PATIENCE} s")

    def pause(self, seconds: float) -> None:
        """Let time pass, as between two things that Stripe stamps by the second."""
        if self._stopping.wait(seconds):
            raise Stopped

    def ask_stripe(self, path: str, form: dict[str, str] | None = None) -> httpx.Response:
        """What Stripe's API answers: to a GET, or to a POST of a form. Its faults do nothing, so whatever is asked again is new."""
        url = f"{self._stand.sandbox_url}/v1/{path}"
        if form is None:
            return self.until_answered(lambda: self._http.get(url, headers=_API), also=(500,))
        return self.until_answered(lambda: self._http.post(url, data=form, headers=_API), also=(500,))

    def stripe(self, path: str, **form: object) -> Row:
        """The object that Stripe's API answers with; fields of a form as `name`, or `name__part` for `name[part]`."""
        fields = {_field(name): str(value) for name, value in form.items()}
        answer = self.ask_stripe(path, fields or None)
        assert answer.is_success, f"{path}: {answer.text}"
        found: Row = answer.json()
        return found

    def act(self, name: str, subject: str, **more: object) -> Any:
        """Have something happen at the sandbox, as by a button of its panel."""
        url = f"{self._stand.sandbox_url}/sandbox/act/{name}"
        answer = self.until_answered(lambda: self._http.post(url, json={"id": subject, **more}))
        assert answer.is_success, f"{name} of {subject}: {answer.text}"
        return answer.json()["result"]

    def close(self) -> None:
        """Hang up."""
        self.wires.close()


def listed(stand: Stand, path: str) -> Iterator[Row]:
    """Everything that one of Stripe's lists holds, the newest first."""
    after = ""
    while True:
        page = stand.stripe(f"{path}{'&' if '?' in path else '?'}limit=100{after}")
        yield from page["data"]
        if not page["has_more"]:
            return
        after = f"&starting_after={page['data'][-1]['id']}"


def _field(name: str) -> str:
    first, *parts = name.split("__")
    return first + "".join(f"[{part}]" for part in parts)
