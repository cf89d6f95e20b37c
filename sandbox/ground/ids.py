"""Identifiers of the same shape and length as Stripe's, so that column widths and patterns hold in the real world."""

from __future__ import annotations

import secrets
import string

ALPHABET = string.ascii_letters + string.digits
# Every id of an account carries the same ten characters in its middle.
ACCOUNT_MARK = "PcSandBox0"
ACCOUNT_ID = f"acct_1Pushca{ACCOUNT_MARK}"


def chance(length: int) -> str:
    """So many random letters and digits."""
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in secrets.token_bytes(length))


def new(prefix: str) -> str:
    """An id such as price_1QabcdPcSandBox0AbCdEfGh."""
    return f"{prefix}_1{chance(5)}{ACCOUNT_MARK}{chance(8)}"


def short(prefix: str) -> str:
    """An id such as prod_AbCdEfGhIjKlMn (products, customers, subscription items, requests)."""
    return f"{prefix}_{chance(14)}"


def payment_stem() -> str:
    """What a PaymentIntent's id shares with those of its charges, refunds, balance transactions and events."""
    return f"3{chance(5)}{ACCOUNT_MARK}"


def of_payment(prefix: str, relative: str) -> str:
    """An id that shows which payment it belongs to; `relative` is any id of that payment."""
    stem = relative.partition("_")[2][:16]
    return f"{prefix}_{stem}{secrets.choice('0123')}{chance(7)}"


def session() -> str:
    """A Checkout Session's id: 66 characters."""
    return f"cs_test_a1{chance(56)}"


def fragment() -> str:
    """What follows the `#` of a Checkout Session's address: Stripe's page keeps its own matters there, escapes included."""
    return f"fid{chance(48)}%2F{chance(47)}%3D"


def webhook_secret() -> str:
    """A signing secret, shown once."""
    return f"whsec_{chance(32)}"
