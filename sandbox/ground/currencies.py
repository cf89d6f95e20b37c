"""Currencies: how many digits follow the point, what is the least that can be charged, and how amounts are written."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from sandbox.ground.errors import invalid

# Charged in whole units; ISK and UGX have no smaller unit either, but Stripe takes them with two digits.
ZERO = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
THREE = "bhd jod kwd omr tnd"
TWO = """
aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny cop crc
cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr isk jmd kes kgs khr
kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk
php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah ugx usd
uyu uzs wst xcd yer zar zmw
"""
WHOLE, THREE_DIGITS, OTHERS = set(ZERO.split()), set(THREE.split()), set(TWO.split())
# What amounts must be a multiple of: networks know two digits only, and some currencies are written with two and have none.
STEPS = {**dict.fromkeys(THREE_DIGITS, 10), "isk": 100, "ugx": 100}
LARGEST = 99_999_999
MINIMUM = {
    "usd": 50, "eur": 50, "aud": 50, "cad": 50, "chf": 50, "sgd": 50, "nzd": 50, "gbp": 30, "jpy": 50, "dkk": 250,
    "sek": 300, "nok": 300, "hkd": 400, "huf": 17500, "pln": 200, "ron": 200, "czk": 1500, "mxn": 1000, "thb": 1000,
    "myr": 200, "aed": 200, "brl": 50, "inr": 50,
}  # fmt: skip
SYMBOLS = {"eur": "€", "usd": "$", "gbp": "£", "jpy": "¥", "aud": "A$", "cad": "CA$", "hkd": "HK$", "nzd": "NZ$"}


def checked(currency: str, *, param: str = "currency") -> str:
    """The code in lower case. Raises StripeError when Stripe does not charge in it."""
    code = currency.lower()
    if code not in WHOLE | THREE_DIGITS | OTHERS:
        raise invalid(f"Invalid currency: {currency.lower()}.", param=param)
    return code


def digits(currency: str) -> int:
    """How many digits follow the point."""
    return 0 if currency in WHOLE else 3 if currency in THREE_DIGITS else 2


def written(amount: int, currency: str) -> str:
    """Such as €1,234.50, ¥500 or 12.345 KWD; a minus sign before the symbol."""
    places = digits(currency)
    number = f"{Decimal(abs(amount)).scaleb(-places):,.{places}f}"
    sign = "-" if amount < 0 else ""
    symbol = SYMBOLS.get(currency)
    return f"{sign}{symbol}{number}" if symbol else f"{sign}{number} {currency.upper()}"


def check_minimum(amount: int, currency: str, *, subject: str, param: str | None = None) -> None:
    """Raises StripeError when the amount is too small to be charged."""
    least = MINIMUM.get(currency, 0)
    if amount < least:
        symbol = SYMBOLS.get(currency, "")
        number = f"{Decimal(least).scaleb(-digits(currency)):.{digits(currency)}f}"
        raise invalid(f"{subject} at least {symbol}{number} {currency}", code="amount_too_small", param=param)


def check_maximum(amount: int, currency: str, *, param: str | None = None) -> None:
    """Raises StripeError when the amount has too many digits, or one that cannot be charged."""
    if amount > LARGEST:
        text = f"Amount must be no more than {written(LARGEST, currency)}"
        raise invalid(text, code="amount_too_large", param=param)
    check_step(amount, currency, param=param)


def check_step(amount: int, currency: str, *, param: str | None = None) -> None:
    """Raises StripeError when the amount ends in digits that the currency cannot be charged in."""
    if amount % STEPS.get(currency, 1):
        raise invalid(f"Amounts in {currency} must be a multiple of {STEPS[currency]}.", param=param)


def rounded(exact: Decimal, currency: str) -> int:
    """The nearest amount that can be charged, in minor units."""
    step = STEPS.get(currency, 1)
    return int((exact / step).to_integral_value(ROUND_HALF_UP)) * step
