"""The one door to Stripe. Answers leave it as plain dictionaries or our own facts, failures as members of our family."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from core.errors import CheckoutNotFound, PayloadInvalid, SignatureInvalid, StripeRefused, StripeUnreachable
from core.payments import SessionFacts, read_session

if TYPE_CHECKING:
    import stripe

# Webhook signatures older than this many seconds are refused, so that a captured event cannot be played again.
TOLERANCE = 300


class Stripe(Protocol):
    """What the shop asks of Stripe. Every method may raise StripeUnreachable or StripeRefused."""

    def open_checkout(self, parameters: dict[str, Any], *, key: str) -> SessionFacts: ...
    def retrieve_checkout(self, session_id: str) -> SessionFacts: ...
    def expire_checkout(self, session_id: str) -> SessionFacts: ...
    def undelivered_events(self, types: Sequence[str]) -> Iterator[dict[str, Any]]: ...


class StripeApi:
    """Stripe over HTTP, or a stand-in for it at `base`. One per process; safe to share between threads."""

    def __init__(self, secret_key: str, *, base: str | None = None, timeout: float = 20) -> None:
        self._secret_key = secret_key
        self._base = base
        self._timeout = timeout

    @cached_property
    def _client(self) -> "stripe.StripeClient":
        import stripe  # half a second: only where Stripe is really called

        if self._base:
            stripe.enable_telemetry = False
        return stripe.StripeClient(
            self._secret_key,
            base_addresses={"api": self._base} if self._base else {},
            max_network_retries=2,  # the client's own default is none
            http_client=stripe.RequestsClient(timeout=self._timeout),
        )

    def open_checkout(self, parameters: dict[str, Any], *, key: str) -> SessionFacts:
        """Create a Checkout Session, or get the one that was created before under this idempotency key."""
        return read_session(
            self._ask(lambda: self._client.v1.checkout.sessions.create(parameters, {"idempotency_key": key}))  # type: ignore[arg-type]
        )

    def retrieve_checkout(self, session_id: str) -> SessionFacts:
        """The Session as it is at Stripe now. Raises CheckoutNotFound if Stripe does not know it."""
        try:
            return read_session(self._ask(lambda: self._client.v1.checkout.sessions.retrieve(session_id)))
        except StripeRefused as refusal:
            if refusal.code == "resource_missing":
                raise CheckoutNotFound(session_id=session_id) from refusal
            raise

    def expire_checkout(self, session_id: str) -> SessionFacts:
        """Make an open Session unpayable. If it was paid or had expired in the meantime, return it as it is."""
        try:
            return read_session(self._ask(lambda: self._client.v1.checkout.sessions.expire(session_id)))
        except StripeRefused:
            return self.retrieve_checkout(session_id)

    def undelivered_events(self, types: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Stripe's events of these types (at most 20) that no endpoint has acknowledged, newest first."""
        pages = self._ask_raw(
            lambda: self._client.v1.events.list({"delivery_success": False, "types": list(types), "limit": 100})
        )
        for event in pages.auto_paging_iter():
            yield event.to_dict(for_json=True)

    def _ask(self, call: Any) -> dict[str, Any]:
        # Stripe's objects are not dictionaries (`.get` raises): convert once, here.
        answer: dict[str, Any] = self._ask_raw(call).to_dict(for_json=True)
        return answer

    def _ask_raw(self, call: Any) -> Any:
        import stripe

        try:
            return call()
        except (stripe.APIConnectionError, stripe.RateLimitError) as error:
            raise StripeUnreachable(_code(error), str(error), error.request_id or "") from error
        except (stripe.InvalidRequestError, stripe.AuthenticationError, stripe.PermissionError) as error:
            raise StripeRefused(_code(error), str(error), error.request_id or "") from error
        except stripe.StripeError as error:
            raise StripeUnreachable(_code(error), str(error), error.request_id or "") from error


def verified(raw: bytes, header: str | None, secrets: Sequence[str]) -> dict[str, Any]:
    """The event in a webhook's raw body, if one of our secrets signed it in the last five minutes.

    Raises SignatureInvalid for a missing, wrong or old signature; PayloadInvalid for what is not a snapshot event.
    Verifying takes 20 µs; the SDK's `construct_event` would take 600, for objects that nobody needs.
    """
    from stripe import SignatureVerificationError, WebhookSignature

    reason = "no secret is set"
    for secret in secrets:
        try:
            WebhookSignature.verify_header(raw, header, secret, TOLERANCE)
            return _snapshot(raw)
        except UnicodeDecodeError:
            raise PayloadInvalid("the body is not UTF-8") from None
        except SignatureVerificationError as error:
            reason = str(error)
    raise SignatureInvalid(reason)


def _snapshot(raw: bytes) -> dict[str, Any]:
    try:
        event = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise PayloadInvalid(f"the body is not JSON: {error}") from None
    if not isinstance(event, dict) or event.get("object") == "v2.core.event":
        raise PayloadInvalid("thin events carry no data: let the endpoint send snapshot events")
    data = event.get("data")
    if not isinstance(event.get("id"), str) or not isinstance(event.get("type"), str) or not isinstance(data, dict):
        raise PayloadInvalid("this is no event: id, type or data is missing")
    if not isinstance(data.get("object"), dict):
        raise PayloadInvalid("this is no event: data.object is missing")
    return event


def _code(error: "stripe.StripeError") -> str:
    detail = error.error
    return (getattr(detail, "code", None) if detail else None) or error.code or type(error).__name__
