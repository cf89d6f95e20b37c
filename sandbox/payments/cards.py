"""Test cards and test bank accounts, and what each of them does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sandbox.ground.errors import StripeError, card_error

DECLINED = "Your card was declined."
NOT_A_TEST_CARD = (
    "Your card was declined. Your request was in test mode, but used a non test card. For a list of valid test cards, "
    "visit: https://stripe.com/docs/testing."
)


@dataclass(frozen=True)
class Decline:
    """Why a bank says no, as code, decline code and sentence."""

    code: str
    reason: str | None
    message: str


@dataclass(frozen=True)
class Instrument:
    """Something to pay with: a card unless `kind` says otherwise. `refund` and `settles` tell what happens later."""

    number: str
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    kind: Literal["card", "sepa_debit", "us_bank_account"] = "card"
    decline: Decline | None = None
    challenge: bool = False
    blocked: bool = False
    refund: Literal["", "pending", "fails"] = ""
    settles: bool = True
    # It is declined when it is charged, but not when it is only to be kept.
    keeps: bool = False
    # The bank asks at every payment, so none can be made without the buyer.
    always_asks: bool = False
    # The bank asks if the shop wants it to.
    asks_on_request: bool = False
    # What happens by itself after it was paid with: a dispute for that reason, or the bank's warning of fraud.
    dispute: Literal["", "fraudulent", "product_not_received", "inquiry"] = ""
    warning: bool = False
    # Its money can be paid out at once, rather than after two days.
    bypasses_pending: bool = False

    @property
    def last4(self) -> str:
        return self.number[-4:]


GENERIC = Decline("card_declined", "generic_decline", DECLINED)
FUNDS = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
LOST = Decline("card_declined", "lost_card", DECLINED)
STOLEN = Decline("card_declined", "stolen_card", DECLINED)
EXPIRED = Decline("expired_card", None, "Your card has expired.")
CVC = Decline("incorrect_cvc", None, "Your card's security code is incorrect.")
PROCESSING = Decline(
    "processing_error", None, "An error occurred while processing your card. Try again in a little bit."
)
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
FRAUD = Decline("card_declined", "fraudulent", DECLINED)
BOUNCED = Decline(
    "payment_intent_payment_attempt_failed",
    "insufficient_funds",
    "The customer's account has insufficient funds to cover this payment.",
)

CARDS = (
    Instrument("4242424242424242"),
    Instrument("5555555555554444", brand="mastercard"),
    Instrument("378282246310005", brand="amex"),
    Instrument("4000056655665556", funding="debit"),
    Instrument("4000000000000077", bypasses_pending=True),
    Instrument("4000000000000002", decline=GENERIC),
    Instrument("4000000000009995", decline=FUNDS),
    Instrument("4000000000009987", decline=LOST),
    Instrument("4000000000009979", decline=STOLEN),
    Instrument("4000000000000069", decline=EXPIRED),
    Instrument("4000000000000127", decline=CVC),
    Instrument("4000000000000119", decline=PROCESSING),
    Instrument("4000000000000341", decline=GENERIC, keeps=True),
    Instrument("4100000000000019", decline=FRAUD, blocked=True, keeps=True),
    Instrument("4000002500003155", challenge=True),
    Instrument("4000002760003184", challenge=True, always_asks=True),
    Instrument("4000000000003220", challenge=True, always_asks=True),
    Instrument("4000000000003055", asks_on_request=True),
    Instrument("4000008400001629", challenge=True, decline=GENERIC, keeps=True),
    Instrument("4000000000007726", refund="pending"),
    Instrument("4000000000005126", refund="fails"),
    Instrument("4000000000000259", dispute="fraudulent"),
    Instrument("4000000000002685", dispute="product_not_received"),
    Instrument("4000000000001976", dispute="inquiry"),
    Instrument("4000000000005423", warning=True),
)
DEBITS = (
    Instrument("AT321904300235473204", kind="sepa_debit", country="AT"),
    Instrument("AT611904300234573201", kind="sepa_debit", country="AT"),
    Instrument("AT861904300235473202", kind="sepa_debit", country="AT", settles=False),
    Instrument("IT60X0542811101000000123456", kind="sepa_debit", country="IT", settles=False),
    Instrument("000123456789", kind="us_bank_account"),
    Instrument("000222222227", kind="us_bank_account", settles=False),
    Instrument("000111111116", kind="us_bank_account", settles=False),
)
BY_NUMBER: Mapping[str, Instrument] = {instrument.number: instrument for instrument in (*CARDS, *DEBITS)}

# The names under which tests and Stripe's command line use the same cards, after `pm_card_` or `tok_`.
ALIASES: Mapping[str, str] = {
    "visa": "4242424242424242",
    "mastercard": "5555555555554444",
    "amex": "378282246310005",
    "visa_debit": "4000056655665556",
    "bypassPending": "4000000000000077",
    "chargeDeclined": "4000000000000002",
    "visa_chargeDeclined": "4000000000000002",
    "chargeDeclinedInsufficientFunds": "4000000000009995",
    "visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "chargeDeclinedLostCard": "4000000000009987",
    "visa_chargeDeclinedLostCard": "4000000000009987",
    "chargeDeclinedStolenCard": "4000000000009979",
    "visa_chargeDeclinedStolenCard": "4000000000009979",
    "chargeDeclinedExpiredCard": "4000000000000069",
    "chargeDeclinedIncorrectCvc": "4000000000000127",
    "chargeDeclinedProcessingError": "4000000000000119",
    "chargeCustomerFail": "4000000000000341",
    "authenticationRequired": "4000002760003184",
    "authenticationRequiredOnSetup": "4000002500003155",
    "threeDSecure2Required": "4000000000003220",
    "threeDSecureOptional": "4000000000003055",
    "radarBlock": "4100000000000019",
    "pendingRefund": "4000000000007726",
    "refundFail": "4000000000005126",
    "createDispute": "4000000000000259",
    "createDisputeProductNotReceived": "4000000000002685",
    "createDisputeInquiry": "4000000000001976",
    "createIssuerFraudRecord": "4000000000005423",
}


def named(alias: str) -> Instrument | None:
    """The instrument behind pm_card_visa, tok_visa or pm_usBankAccount_success."""
    if alias == "pm_usBankAccount_success":
        return BY_NUMBER["000123456789"]
    for prefix in ("pm_card_", "tok_"):
        if alias.startswith(prefix):
            return BY_NUMBER.get(ALIASES.get(alias.removeprefix(prefix), ""))
    return None


def numbered(text: str) -> Instrument:
    """The instrument with a number as somebody typed it. Raises StripeError as the bank or the form would."""
    number = "".join(ch for ch in text.upper() if ch.isalnum())
    # A routing number may stand before the account number.
    number = number.removeprefix("110000000") if len(number) == 21 else number
    if found := BY_NUMBER.get(number):
        return found
    if not number.isdigit() or not 12 <= len(number) <= 19 or not _luhn(number):
        raise card_error("incorrect_number", "Your card number is incorrect.", param="number")
    raise card_error("card_declined", NOT_A_TEST_CARD, decline_code="test_mode_live_card")


def check_expiry(month: int, year: int, today: datetime | None = None) -> None:
    """Raises StripeError for a month that does not exist or a date that has passed."""
    today = today or datetime.now(UTC)
    if not 1 <= month <= 12:
        text = "Your card's expiration month is invalid."
        raise card_error("invalid_expiry_month", text, param="exp_month")
    if (year, month) < (today.year, today.month) or year > today.year + 50:
        raise card_error("invalid_expiry_year", "Your card's expiration year is invalid.", param="exp_year")


def check_cvc(cvc: str, instrument: Instrument) -> None:
    """Raises StripeError for a security code of the wrong length."""
    if not cvc.isdigit() or len(cvc) != (4 if instrument.brand == "amex" else 3):
        raise card_error("invalid_cvc", "Your card's security code is invalid.", param="cvc")


def check_keeping(instrument: Instrument) -> None:
    """Raises StripeError (402) when the bank does not let a customer keep it."""
    if instrument.decline and not instrument.keeps:
        raise refusal(instrument.decline)


def refusal(decline: Decline, **fields: object) -> StripeError:
    """The 402 for a decline."""
    return card_error(decline.code, decline.message, decline_code=decline.reason, **fields)


def _luhn(number: str) -> bool:
    doubled = [int(digit) * (2 if position % 2 else 1) for position, digit in enumerate(reversed(number))]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0
