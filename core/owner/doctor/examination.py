"""The examination: every check after the other, each whatever came of the others."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

from sqlalchemy.exc import DBAPIError

from core.foundation import database
from core.foundation.errors import PermissionMissing, ShopError, StripeKeyRefused, StripeTrouble, StripeUnreachable
from core.gateway import account
from core.gateway.account import Account
from core.owner.doctor import findings, house, ping, plan_prices, seals, stripe_side
from core.owner.doctor.findings import Finding, Level
from core.shop import Shop

_EVERY = timedelta(days=1)
# What a check may meet that asks the database.
_OF_THE_DATABASE: tuple[type[Exception], ...] = (*database.TROUBLE, DBAPIError)

Check = Callable[[], Iterator[Finding]]


def examine(
    shop: Shop,
    theirs: Account | None = None,
    *,
    fix: bool = False,
    letter_to: str = "",
    progress: Callable[[str], object] = str,
) -> list[Finding]:
    """All findings, in the order in which one mends them; kept for the pages. With `fix` what can be mended is.

    Stripe, the mail server and the public address are asked, which may take a minute; `progress` is told of each check.
    """
    found: list[Finding] = []
    for name, check in _checks(shop, theirs or account.of_shop(shop.settings), fix=fix, letter_to=letter_to).items():
        progress(name)
        found += _carried_out(name, check)
    try:
        with shop.transaction() as session:
            findings.keep(session, found, now=shop.now())
    except database.TROUBLE as error:
        if not database.is_away(error):
            raise
        found.insert(0, _takes_nothing(error))
    return found


def _takes_nothing(error: Exception) -> Finding:
    return Finding(
        "database", Level.WRONG, f"The database takes nothing: {database.why(error)}.",
        "Nothing can be sold, and nothing that Stripe tells is taken.", "Look whether it runs, has room and may be written to.",
    )  # fmt: skip


def examine_daily(shop: Shop) -> None:
    """Examine the shop if the last time is a day ago, or was never."""
    with shop.reading() as session:
        last = findings.last(session)
    if last is None or shop.now() - last.at >= _EVERY:
        examine(shop)


def _checks(shop: Shop, theirs: Account, *, fix: bool, letter_to: str) -> dict[str, Check]:
    return {
        "settings": partial(house.settings, shop),
        "encoding": partial(house.encoding, shop),
        "integrity": partial(house.whole, shop),
        "secret": partial(seals.secret_key, shop),
        "key": partial(stripe_side.key, shop, theirs),
        "permissions": partial(stripe_side.rights, shop, theirs),
        "endpoint": partial(stripe_side.endpoint, shop, theirs, fix=fix),
        "webhook": partial(_pinged, shop, theirs),
        "deliveries": partial(stripe_side.deliveries, shop, theirs),
        "prices": partial(stripe_side.prices, shop, theirs),
        "tax": partial(stripe_side.registrations, shop, theirs),
        "plans": partial(plan_prices.plans, shop, fix=fix),
        "portal": partial(stripe_side.customer_portal, shop, fix=fix),
        "seller": partial(house.who_sells, shop),
        "address": partial(house.address, shop),
        "trials": partial(house.trials, shop),
        "worker": partial(house.worker, shop),
        "storage": partial(house.storage, shop),
        "redis": partial(house.redis, shop),
        "mail": partial(house.letters, shop, to=letter_to),
    }


def _pinged(shop: Shop, theirs: Account) -> Iterator[Finding]:
    for url in addresses(shop, theirs):
        yield from ping.send(shop, url)


def addresses(shop: Shop, theirs: Account | None = None) -> list[str]:
    """Where Stripe is to tell the shop: the endpoints that it knows, or else where one would be."""
    if shop.settings.demo:
        return [f"http://127.0.0.1:{shop.settings.webhook_port}/webhooks/stripe"]
    known = [each["url"] for each in stripe_side.endpoints_of(shop, theirs or account.of_shop(shop.settings))]
    return known or [f"{shop.settings.public_url}/api/webhooks/stripe"]


def _carried_out(name: str, check: Check) -> list[Finding]:
    try:
        return list(check())
    except PermissionMissing as error:
        return [
            _unasked(
                name, f"The key may not ask this: {error.message}", "Give the key the permissions that are missing."
            )
        ]
    except StripeKeyRefused as error:
        return [
            _unasked(name, f"Stripe refuses the key: {error.message}", "Set STRIPE_SECRET_KEY to a key that is valid.")
        ]
    except StripeUnreachable:
        # What its library says of that takes many lines, and names the address that was asked.
        how = "See that this machine reaches Stripe (api.stripe.com), and look at status.stripe.com."
        return [_unasked(name, "Stripe could not be reached.", how)]
    except StripeTrouble as error:
        return [
            _unasked(name, f"Stripe did not answer this: {error.message}", "Look at status.stripe.com, and try again.")
        ]
    except _OF_THE_DATABASE as error:
        if database.is_damaged(error):
            return [
                _unasked(name, f"The database is damaged: {database.why(error)}.", "See what is said of its integrity.")
            ]
        if not database.is_away(error):
            raise
        return [_unasked(name, f"The database does not answer: {database.why(error)}.", "Look whether it runs.")]
    except (ShopError, OSError) as error:
        said = getattr(error, "strerror", None) or type(error).__name__
        return [_unasked(name, f"It could not be looked at: {said}.", "Look at what the processes log.")]


def _unasked(name: str, what: str, how: str) -> Finding:
    return Finding(name, Level.WRONG, what, "Nobody knows how it stands.", how)
