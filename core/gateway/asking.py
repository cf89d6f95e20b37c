"""Asking Stripe: one call, or a list page by page, with answers as plain dictionaries and failures as members of our family."""

import random
import time
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from core.foundation.errors import (
    PermissionMissing,
    StripeFaulty,
    StripeKeyRefused,
    StripeRefused,
    StripeTrouble,
    StripeUnreachable,
)

if TYPE_CHECKING:
    import stripe

_STRIPE = "https://api.stripe.com"
# How long Stripe may take to answer, each of the three times that it is asked.
_ANSWER_SECONDS = 20
# How long one waits, time after time, for Stripe's limit on calls to let the next page of a list through, in seconds.
_LIMITED = (0.5, 1.0, 2.0, 4.0, 8.0)
# Of a key that is no good (any more), whatever the status it comes with.
_KEY_CODES = ("api_key_expired", "platform_api_key_expired", "secret_key_required")


class Asking:
    """Stripe over HTTP, or a stand-in for it at `base`. One per process; safe to share between threads.

    `http_client` carries the requests in place of the usual one, for whoever wants to see the answers on their way.
    """

    def __init__(
        self, secret_key: str, *, base: str | None = None, http_client: "stripe.HTTPClient | None" = None
    ) -> None:
        self._secret_key = secret_key
        self._base = base
        self._http_client = http_client

    @cached_property
    def _client(self) -> "stripe.StripeClient":
        import stripe  # half a second: only where Stripe is really called

        from core.gateway.http_client import ToldRequests

        base = self._base
        if base:
            stripe.enable_telemetry = False
        return stripe.StripeClient(
            self._secret_key,
            base_addresses={"api": base} if base else {},
            max_network_retries=2,  # the client's own default is none
            http_client=self._http_client or ToldRequests(base or _STRIPE, timeout=_ANSWER_SECONDS),
        )

    def _all(self, call: Any) -> Iterator[dict[str, Any]]:
        """Everything on a list, page by page: each is asked for when the one before has been used up."""
        yield from self._from(self._ask_patiently(call))

    def _all_of(self, call: Any) -> Iterator[dict[str, Any]]:
        """The same of a list that is filtered by an object: nothing, if Stripe has no such object."""
        first = self._ask_unless_missing(call)
        if first is not None:
            yield from self._from(first)

    def _from(self, pages: Any) -> Iterator[dict[str, Any]]:
        while True:
            for each in pages.data:
                yield each.to_dict(for_json=True)
            if not pages.has_more:
                return
            pages = self._ask_patiently(pages.next_page)

    def _find(self, call: Any) -> dict[str, Any] | None:
        found = self._ask_unless_missing(call)
        return None if found is None else found.to_dict(for_json=True)

    def _first(self, call: Any) -> dict[str, Any] | None:
        return next(self._all_of(call), None)

    def _ask(self, call: Any) -> dict[str, Any]:
        # Stripe's objects are not dictionaries (`.get` raises): convert once, here.
        answer: dict[str, Any] = self._ask_raw(call).to_dict(for_json=True)
        return answer

    def _make(self, path: str, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        """What Stripe makes of these parameters, once under this idempotency key. As it came: the objects that the library
        would make of it on the way cost more than the rest of the call."""
        asked = {**parameters, "idempotency_key": key}
        made: dict[str, Any] = self._ask_raw(lambda: self._client.raw_request("post", path, **asked)).data
        return made

    def _ask_unless_missing(self, call: Any) -> Any:
        try:
            return self._ask_raw(call)
        except StripeRefused as refusal:
            # So is a list refused that is to be of an object Stripe does not have.
            if refusal.code == "resource_missing":
                return None
            raise

    def _ask_patiently(self, call: Any) -> Any:
        """The answer, asked for again after a while as long as Stripe's limit on calls keeps it back: of a long list some
        page always would be, and a list that broke off is begun anew."""
        for wait in _LIMITED:
            try:
                return self._ask_raw(call)
            except StripeUnreachable as error:
                if error.code != "rate_limit":
                    raise
            time.sleep(wait * random.uniform(1, 1.25))
        return self._ask_raw(call)

    def _ask_raw(self, call: Any) -> Any:
        import stripe

        try:
            return call()
        except stripe.StripeError as error:
            raise _kind_of(error)(_code(error), str(error), error.request_id or "") from error


def _kind_of(error: "stripe.StripeError") -> type[StripeTrouble]:
    """Which member of our family this is."""
    import stripe

    match error:
        case stripe.RateLimitError() if _code(error) == "lock_timeout":
            return StripeFaulty  # somebody else has this one object in hand
        case stripe.APIConnectionError() | stripe.RateLimitError():
            return StripeUnreachable
        case stripe.PermissionError():
            return PermissionMissing
        case stripe.AuthenticationError():
            return StripeKeyRefused
        case stripe.InvalidRequestError() | stripe.IdempotencyError():
            return StripeKeyRefused if _code(error) in _KEY_CODES else StripeRefused
        case _:
            return StripeFaulty


def _code(error: "stripe.StripeError") -> str:
    # Some refusals have no code of their own, such as that of a key used for something else: then their type says most.
    detail = error.error
    said = (getattr(detail, name, None) for name in ("code", "type"))
    return next(filter(None, said), None) or error.code or type(error).__name__
