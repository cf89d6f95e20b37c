"""Currencies: which of them Stripe charges, in how many decimals, and which amounts of them it takes.

After Stripe's "Supported currencies". Amounts are in minor units, as Stripe counts them.
"""

from core.foundation.errors import AmountTooBig, AmountTooSmall, AmountUneven, CurrencyUnknown

_ZERO_DECIMAL = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
_THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
_TWO_DECIMAL = frozenset(
    [
        "aed", "afn", "all", "amd", "ang", "aoa", "ars", "aud", "awg", "azn", "bam", "bbd", "bdt", "bgn", "bmd", "bnd", "bob",
        "brl", "bsd", "bwp", "byn", "bzd", "cad", "cdf", "chf", "cny", "cop", "crc", "cve", "czk", "dkk", "dop", "dzd", "egp",
        "etb", "eur", "fjd", "fkp", "gbp", "gel", "gip", "gmd", "gtq", "gyd", "hkd", "hnl", "htg", "huf", "idr", "ils", "inr",
        "isk", "jmd", "kes", "kgs", "khr", "kyd", "kzt", "lak", "lbp", "lkr", "lrd", "lsl", "mad", "mdl", "mkd", "mmk", "mnt",
        "mop", "mur", "mvr", "mwk", "mxn", "myr", "mzn", "nad", "ngn", "nio", "nok", "npr", "nzd", "pab", "pen", "pgk", "php",
        "pkr", "pln", "qar", "ron", "rsd", "rub", "sar", "sbd", "scr", "sek", "sgd", "shp", "sle", "sos", "srd", "std", "szl",
        "thb", "tjs", "top", "try", "ttd", "twd", "tzs", "uah", "ugx", "usd", "uyu", "uzs", "wst", "xcd", "yer", "zar", "zmw",
    ]
)  # fmt: skip
_CHARGED = _ZERO_DECIMAL | _TWO_DECIMAL | _THREE_DECIMAL

# Counted in two decimals for old times' sake, though there is nothing smaller than one of them. Forints and Taiwan dollars
# are charged with their decimals: only payouts of them are whole.
_WHOLE = frozenset(["isk", "ugx"])

# Stripe's least charge; currencies that are not listed are left to Stripe to refuse.
_LEAST_CHARGE = {
    **dict.fromkeys(("usd", "eur", "aud", "cad", "chf", "sgd", "nzd", "brl", "inr"), 50),
    **dict.fromkeys(("aed", "pln", "ron", "myr"), 200),
    **dict.fromkeys(("mxn", "thb"), 1000),
    **dict.fromkeys(("sek", "nok"), 300),
    "gbp": 30, "jpy": 50, "dkk": 250, "hkd": 400, "huf": 17500, "czk": 1500,
}  # fmt: skip
_MOST = 99_999_999


def exponent(currency: str) -> int:
    """How many decimals Stripe counts in this currency: 2, 0 for yen and its like, 3 for dinars and rials."""
    if currency in _ZERO_DECIMAL:
        return 0
    return 3 if currency in _THREE_DECIMAL else 2


def check_charged(currency: str) -> None:
    """Raise CurrencyUnknown where Stripe charges nothing in it, as in gold, or in what is no currency."""
    if currency not in _CHARGED:
        raise CurrencyUnknown(currency=currency)


def check_amount(amount: int, currency: str) -> None:
    """Raise CurrencyUnknown, AmountTooSmall, AmountTooBig or AmountUneven where Stripe would refuse the charge.

    Nothing at all is fine: a free order has no charge.
    """
    check_charged(currency)
    least, step = _LEAST_CHARGE.get(currency, 0), step_of(currency)
    if 0 < amount < least:
        raise AmountTooSmall(amount=amount, least=least, currency=currency)
    if amount > _MOST:
        raise AmountTooBig(amount=amount, most=_MOST // step * step, currency=currency)
    if amount % step:
        raise AmountUneven(amount=amount, step=step, currency=currency)


def step_of(currency: str) -> int:
    """What amounts must be divisible by: the card networks know two decimals, and some currencies none."""
    if currency in _WHOLE:
        return 100
    return 10 if currency in _THREE_DECIMAL else 1
