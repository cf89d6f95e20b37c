"""The success page: where Stripe sends a buyer who has paid. It never replaces the webhook, and does the same."""

import re

from core.admission import Refused
from core.foundation.database import TROUBLE, is_held
from core.foundation.errors import CheckoutNotFound, StripeUnreachable
from core.foundation.jobs import outbox
from core.journeys import ownership
from core.orders import checkouts
from core.shop import Shop
from core.traffic import counting
from core.traffic.counting import NOBODY, Count, Sender
from core.traffic.rate_limits import Limit

# What an address of ours may bring back from Stripe: anything else need not be asked for.
_SESSION_ID = re.compile(r"cs_[A-Za-z0-9_]{1,250}")
# And what stands for one where nothing was to be paid: of it the shop alone knows.
_STANDS_IN = re.compile(f"{checkouts.GIVEN}ord_[A-Za-z0-9]{{1,100}}")

# As many as begin a checkout. Stripe answers so many questions of a shop and no more: a stranger's would be at its buyers' cost.
BY_ADDRESS = Limit("returns by address", 30)


def confirm(shop: Shop, session_id: str, sender: Sender = NOBODY) -> str:
    """Do for a returning buyer what the webhook does, with the Session as Stripe has it now; return the order's id.

    Raises CheckoutNotFound if the Session is not one of ours, StripeTrouble, also while somebody else has its order locked, or
    TooManyTries where Stripe is not asked, since it was for this sender again and again.
    """
    stands_in = _STANDS_IN.fullmatch(session_id) is not None
    if not stands_in and not _SESSION_ID.fullmatch(session_id):
        raise CheckoutNotFound(session_id=session_id)
    with shop.reading() as session:
        if stands_in and (order_id := checkouts.order_of_session(session, session_id)):
            return order_id
        if known := checkouts.fulfilled_order(session, session_id):
            return known
    if stands_in:
        raise CheckoutNotFound(session_id=session_id)
    counting.admit(shop, [Count(BY_ADDRESS, sender.address)])
    # In a process that has just started this takes a while: not in a transaction, where others would wait for its locks.
    outbox.open_client(shop.engine)
    facts = shop.stripe.retrieve_checkout(session_id)
    try:
        # The page can wait, and whoever has the order, or its workshop's date, locked may be telling the same.
        settled = ownership.take_in(shop, facts, actor="return page", waits=False)
    except TROUBLE as error:
        if not is_held(error):
            raise
        raise StripeUnreachable("unsettled", "somebody else has what it is about locked") from None
    if isinstance(settled, Refused):
        raise CheckoutNotFound(session_id=session_id)
    return settled.order_id
