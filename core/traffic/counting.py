"""Counting who comes: the limits of what is done without a proof of who one is, shared by all processes of the shop.

Counted in the database or, with REDIS_URL, there: a shop that is stormed spares its database that.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, Any

import structlog

from core.foundation import masking
from core.foundation.database import repeatable
from core.foundation.errors import TooManyTries
from core.shop import Shop
from core.traffic import rate_limits
from core.traffic.rate_limits import Limit

if TYPE_CHECKING:
    from limits.strategies import FixedWindowRateLimiter

log = structlog.get_logger()

# Seconds that one who buys waits for a Redis that is there and says nothing. Its library would wait for five, or for ever.
_REDIS_WAITS = 0.5


@dataclass(frozen=True)
class Sender:
    """Where somebody comes from, for limits alone: the address or network, and the browser. Empty where it is not known."""

    address: str = ""
    browser: str = ""


NOBODY = Sender()


@dataclass(frozen=True)
class Count:
    """So many hits of one subject of a limit; of nobody, an empty one, none."""

    limit: Limit
    who: str
    cost: int = 1


def admit(shop: Shop, counts: Iterable[Count]) -> None:
    """Count these one after the other, up to the first that is too much: what is refused is not counted against all others.

    Raises TooManyTries. For outside any transaction: what is counted stays counted.
    """
    if wait := _count(shop, [each for each in counts if each.who]):
        raise TooManyTries(limit=f"again in {wait} seconds")


def reserve(shop: Shop, counts: Iterable[Count]) -> None:
    """The same for what is held and may be given back: where there is no room for all of it, nothing is counted.

    Raises TooManyTries.
    """
    counted = []
    for each in counts:
        counted.append(each)
        try:
            admit(shop, [each])
        except TooManyTries:
            release(shop, counted)
            raise


def release(shop: Shop, counts: Iterable[Count]) -> None:
    """Count no more what was counted, and came to nothing."""
    for each in counts:
        _count(shop, [replace(each, cost=-each.cost)] if each.who else [])


def _count(shop: Shop, counts: list[Count]) -> int:
    """In how many seconds there is room for the first that is too much; 0 where all are within their limits."""
    if shop.settings.rate_limits == "off" or not counts:
        return 0
    return _by_redis(shop, counts) if shop.settings.redis_url else _by_database(shop, counts)


@repeatable
def _by_database(shop: Shop, counts: list[Count]) -> int:
    now = shop.now()
    with shop.transaction() as session:
        for each in counts:
            if wait := rate_limits.hit(session, each.limit, each.who, cost=each.cost, now=now):
                return wait
    return 0


def _by_redis(shop: Shop, counts: list[Count]) -> int:
    from limits import RateLimitItemPerSecond
    from limits.errors import StorageError

    limiter = _limiter(shop.settings.redis_url)
    try:
        for each in counts:
            item = RateLimitItemPerSecond(each.limit.most, each.limit.seconds)
            subject = rate_limits.subject_of(each.limit, each.who)
            if not limiter.hit(item, subject, cost=each.cost):
                return max(1, ceil(limiter.get_window_stats(item, subject).reset_time - time.time()))
    except StorageError as error:
        log.warning("redis_away", error=type(error.storage_error).__name__, said=str(error.storage_error))
        return _by_database(shop, counts)
    return 0


def redis_trouble(shop: Shop) -> str:
    """Why Redis counts nothing, in its own words; empty if it does."""
    from limits import RateLimitItemPerSecond
    from limits.errors import StorageError

    try:
        _limiter(shop.settings.redis_url).hit(RateLimitItemPerSecond(1), "doctor")
    except StorageError as error:
        return masking.masked(str(error.storage_error), most=200)
    return ""


@lru_cache(maxsize=4)
def _limiter(url: str) -> "FixedWindowRateLimiter":
    # Here, since most shops have none.
    from limits.storage import storage_from_string
    from limits.strategies import FixedWindowRateLimiter

    waits: Any = {"socket_timeout": _REDIS_WAITS, "socket_connect_timeout": _REDIS_WAITS}
    return FixedWindowRateLimiter(storage_from_string(url, wrap_exceptions=True, **waits))
