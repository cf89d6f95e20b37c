"""Money is a whole number of minor units with a currency that knows how many of them make one major unit."""

from dataclasses import dataclass
from decimal import Decimal

from babel.numbers import format_currency

from core.errors import AmountTooSmall

# Stripe, "Zero-decimal currencies" and "Three-decimal currencies". ISK and UGX are sent to Stripe with two decimals.
_ZERO_DECIMAL = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
_THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])

# Stripe's least charge, in minor units; currencies that are not listed are left to Stripe to refuse.
_LEAST_CHARGE = {
    **dict.fromkeys(("usd", "eur", "aud", "cad", "chf", "sgd", "nzd"), 50),
    "gbp": 30,
    "jpy": 50,
    "dkk": 250,
    "sek": 300,
    "nok": 300,
    "hkd": 400,
    "huf": 17500,
    "pln": 200,
    "ron": 200,
    "czk": 1500,
    "mxn": 1000,
    "thb": 1000,
    "myr": 200,
}


@dataclass(frozen=True)
class Money:
    """An amount in minor units (cents, yen, fils) of a lower-case ISO currency. Adding two currencies raises ValueError."""

    amount: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def __mul__(self, times: int) -> "Money":
        return Money(self.amount * times, self.currency)

    def __bool__(self) -> bool:
        return self.amount != 0

    @property
    def major(self) -> Decimal:
        """The amount in major units: `Money(1900, "eur").major == Decimal("19.00")`."""
        return Decimal(self.amount).scaleb(-exponent(self.currency))

    def format(self, locale: str = "en", *, short: bool = False) -> str:
        """How a reader of `locale` writes it. `short` leaves out decimals that are all zero."""
        whole = short and self.major == self.major.to_integral_value()
        digits = 0 if whole else exponent(self.currency)
        pattern = "¤#,##0" + ("." + "0" * digits if digits else "")
        return format_currency(self.major, self.currency.upper(), pattern, locale=locale, currency_digits=False)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise ValueError(f"cannot combine {self.currency} with {other.currency}")
        return other.amount


def exponent(currency: str) -> int:
    """How many decimals Stripe counts in this currency: 2, 0 for yen and its like, 3 for dinars and rials."""
    if currency in _ZERO_DECIMAL:
        return 0
    return 3 if currency in _THREE_DECIMAL else 2


def check_chargeable(total: Money) -> None:
    """Raise AmountTooSmall where Stripe would refuse the charge. Nothing at all is fine: a free order has no charge."""
    least = _LEAST_CHARGE.get(total.currency, 0)
    if 0 < total.amount < least:
        raise AmountTooSmall(amount=total.amount, least=least, currency=total.currency)
