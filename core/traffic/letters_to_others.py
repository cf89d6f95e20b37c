"""Letters to others: those that buyers have the shop send to whomever they name. As many as it takes to give away what was bought;
else whoever has one seat, or one place that cost nothing, would write to the whole world in the shop's name."""

from core.foundation import addresses
from core.shop import Shop
from core.traffic import counting
from core.traffic.counting import Count
from core.traffic.rate_limits import Limit

_HOUR = 3600
# Whoever and whatever they are about: nobody is written to more often.
TO_ONE = Limit("letters of buyers to an address", 5, _HOUR)


def admit(shop: Shop, address: str, *, about: str, most: int) -> None:
    """Count a letter to this address about something that is given away, as one of `most` within an hour.

    Raises TooManyTries. For outside any transaction.
    """
    of_this = Limit(f"letters of buyers, {most} an hour", most, _HOUR)
    counting.admit(shop, [Count(of_this, about), Count(TO_ONE, addresses.fold(address))])
