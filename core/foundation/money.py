"""Money is a whole number of minor units with a currency that knows how many of them make one major unit."""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from babel import Locale
from babel.numbers import format_currency, get_decimal_symbol

from core.foundation.currencies import check_amount, exponent
from core.foundation.errors import AmountUnclear, Unclear
from core.languages import sentences

# Spelled out in ASCII: `\d` and int() would take the digits of every script.
_DECIMAL = re.compile(r"(?P<whole>0|[1-9][0-9]*)(?:(?P<mark>[.,])(?P<part>[0-9]+))?")
_GROUPED = re.compile(r"[0-9]+(?:[.,' _\u00a0\u2009\u202f\u2019][0-9]+)+")
# More than any payment: a number that does not fit into 64 bits is a slip of the keyboard.
_MOST_DIGITS = 12


@dataclass(frozen=True)
class Money:
    """An amount in minor units (cents, yen, fils) of a lower-case ISO currency. Adding two currencies raises ValueError."""

    amount: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str) -> "Money":
        """An amount as people write it, in major units: `27`, `27.00` or `27,00` for €27; yen without decimals, dinars with
        up to three.

        Raises AmountUnclear for whatever could mean something else: more decimals than the currency has, thousands that are
        set apart, signs, words, digits other than 0 to 9.
        """
        found = _DECIMAL.fullmatch(text)
        if found is None or _could_be_thousands(found, currency):
            raise AmountUnclear(text=text, currency=currency, why=_why(text))
        part = found["part"] or ""
        if len(part) > exponent(currency):
            raise AmountUnclear(text=text, currency=currency, why=Unclear.TOO_FINE)
        if len(found["whole"]) > _MOST_DIGITS:
            raise AmountUnclear(text=text, currency=currency, why=Unclear.TOO_LONG)
        return cls(int(found["whole"] + part.ljust(exponent(currency), "0")), currency)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def __mul__(self, times: int) -> "Money":
        return Money(self.amount * times, self.currency)

    def __abs__(self) -> "Money":
        return Money(abs(self.amount), self.currency)

    def __bool__(self) -> bool:
        return self.amount != 0

    @property
    def major(self) -> Decimal:
        """The amount in major units: `Money(1900, "eur").major == Decimal("19.00")`."""
        return Decimal(self.amount).scaleb(-exponent(self.currency))

    def format(self, locale: str = "", *, short: bool = False) -> str:
        """How a reader of `locale` writes it, or of the language that is spoken. `short` leaves out decimals that are all zero."""
        locale = locale or sentences.language()
        whole = short and self.major == self.major.to_integral_value()
        digits = 0 if whole else exponent(self.currency)
        pattern = _pattern(locale).replace("0.00", "0" + ("." + "0" * digits if digits else ""))
        return format_currency(self.major, self.currency.upper(), pattern, locale=locale, currency_digits=False)

    def typed(self, locale: str = "") -> str:
        """The amount in major units as a reader of `locale` types it, or of the language that is spoken, and `parse` reads it."""
        text = str(self.major)
        # Of three decimals the point alone is the mark: with a comma they could be thousands.
        return text if exponent(self.currency) > 2 else text.replace(".", _decimal_mark(locale or sentences.language()))

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise ValueError(f"cannot combine {self.currency} with {other.currency}")
        return other.amount


@cache
def _pattern(locale: str) -> str:
    """Where the currency stands, and how thousands are set apart, as in `¤#,##0.00`."""
    return str(Locale.parse(locale).currency_formats["standard"].pattern)


@cache
def _decimal_mark(locale: str) -> str:
    return str(get_decimal_symbol(locale))


def _could_be_thousands(found: re.Match[str], currency: str) -> bool:
    """Whether the mark may set thousands apart. Where a currency has three decimals, the point alone is their mark."""
    if found["whole"] == "0" or len(found["whole"]) > 3 or len(found["part"] or "") != 3:
        return False
    return found["mark"] == "," or exponent(currency) != 3


def _why(text: str) -> Unclear:
    if _GROUPED.fullmatch(text):
        return Unclear.GROUPED
    return Unclear.SIGNED if re.fullmatch(r"[-+\u2212][0-9.,]+", text) else Unclear.NO_NUMBER


def check_chargeable(total: Money) -> None:
    """Raise CurrencyUnknown, AmountTooSmall, AmountTooBig or AmountUneven where Stripe would refuse to charge this."""
    check_amount(total.amount, total.currency)
