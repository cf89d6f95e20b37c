"""Test cards and accounts as the payment page offers them: by what they do, for people who do not know the numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """A test card or account with what it does, for people who do not know the numbers by heart."""

    id: str
    name: str
    number: str
    hint: str
    kind: str = "card"


PRESETS = (
    Preset("ok", "Works", "4242 4242 4242 4242", "4242 4242 4242 4242"),
    Preset("3ds", "Asks the bank", "4000 0025 0000 3155", "4000 0025 0000 3155"),
    Preset("declined", "Declined", "4000 0000 0000 0002", "4000 0000 0000 0002"),
    Preset("funds", "Too little money", "4000 0000 0000 9995", "4000 0000 0000 9995"),
    Preset("refund-slow", "Refund takes time", "4000 0000 0000 7726", "4000 0000 0000 7726"),
    Preset("refund-fails", "Refund fails later", "4000 0000 0000 5126", "4000 0000 0000 5126"),
    Preset("debit", "Bank debit, settles", "AT32 1904 3002 3547 3204", "Pending, then paid", "sepa_debit"),
    Preset("debit-bounces", "Bank debit, bounces", "AT86 1904 3002 3547 3202", "Pending, then not", "sepa_debit"),
    Preset("ach", "Bank debit, settles", "110000000 000123456789", "Pending, then paid", "us_bank_account"),
    Preset("ach-bounces", "Bank debit, bounces", "110000000 000222222227", "Pending, then not", "us_bank_account"),
)


# When no expiry date is typed.
EXPIRY = "12 / 34"


def number(typed: dict[str, str]) -> str:
    """The number to pay with: what was typed, and that of the chosen test card while nothing was."""
    chosen = next((preset.number for preset in PRESETS if preset.id == typed.get("preset")), "")
    return typed.get("cardNumber", "").strip() or chosen
