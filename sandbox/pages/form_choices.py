"""What the payment page lets buyers choose from: countries, and test cards and accounts by what they do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OfferedMethod:
    """A test card or account with what it does, for people who do not know the numbers by heart."""

    id: str
    name: str
    number: str
    hint: str
    kind: str = "card"


OFFERED_METHODS = (
    OfferedMethod("ok", "Works", "4242 4242 4242 4242", "4242 4242 4242 4242"),
    OfferedMethod("3ds", "Asks the bank", "4000 0025 0000 3155", "4000 0025 0000 3155"),
    OfferedMethod("declined", "Declined", "4000 0000 0000 0002", "4000 0000 0000 0002"),
    OfferedMethod("funds", "Too little money", "4000 0000 0000 9995", "4000 0000 0000 9995"),
    OfferedMethod("refund-slow", "Refund takes time", "4000 0000 0000 7726", "4000 0000 0000 7726"),
    OfferedMethod("refund-fails", "Refund fails later", "4000 0000 0000 5126", "4000 0000 0000 5126"),
    OfferedMethod("debit", "Bank debit, settles", "AT32 1904 3002 3547 3204", "Pending, then paid", "sepa_debit"),
    OfferedMethod(
        "debit-bounces", "Bank debit, bounces", "AT86 1904 3002 3547 3202", "Pending, then not", "sepa_debit"
    ),
    OfferedMethod("ach", "Bank debit, settles", "110000000 000123456789", "Pending, then paid", "us_bank_account"),
    OfferedMethod(
        "ach-bounces", "Bank debit, bounces", "110000000 000222222227", "Pending, then not", "us_bank_account"
    ),
)


# When no expiry date is typed.
EXPIRY = "12 / 34"


def number(typed: dict[str, str]) -> str:
    """The number to pay with: what was typed, and that of the chosen test card while nothing was."""
    chosen = next((method.number for method in OFFERED_METHODS if method.id == typed.get("preset")), "")
    return typed.get("cardNumber", "").strip() or chosen


# The countries a buyer can choose as theirs.
COUNTRIES = {
    "AT": "Austria", "AU": "Australia", "BE": "Belgium", "CA": "Canada", "CH": "Switzerland", "CZ": "Czechia",
    "DE": "Germany", "DK": "Denmark", "EE": "Estonia", "ES": "Spain", "FI": "Finland", "FR": "France",
    "GB": "United Kingdom", "HU": "Hungary", "IE": "Ireland", "IN": "India", "IT": "Italy", "JP": "Japan",
    "LT": "Lithuania", "LU": "Luxembourg", "LV": "Latvia", "MX": "Mexico", "NL": "Netherlands", "NO": "Norway",
    "NZ": "New Zealand", "PL": "Poland", "PT": "Portugal", "SE": "Sweden", "SG": "Singapore", "US": "United States",
}  # fmt: skip
