"""Previews: how a letter reads, for the staff: one that was sent or is owed, the one that a refund would bring, and a test of
each kind. What only the letter's reader may have is covered."""

from collections.abc import Callable
from dataclasses import replace

from core.catalog import products
from core.catalog.looks import brand
from core.correspondence import drafts, samples
from core.correspondence.veil import Veil
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.foundation.settings import Settings
from core.journeys.refund import RefundPlan
from core.languages import sentences
from core.messages import after_purchase, contents, wording
from core.messages.after_purchase import Access, RefundLetter
from core.messages.wording import Message
from core.orders.orders import Order
from core.orders.status import GrantState
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.rights import declarations
from core.shop import Shop


def of_letter(shop: Shop, letter_id: str) -> Message | None:
    """The letter as it would read if it were written now; None if it would not be sent any more, or is of a kind that this
    version does not know. Raises NoOwners for one to the owners where nobody knows who they are."""
    draft = drafts.of_id(letter_id)
    return drafts.veiled(shop, draft, _veil(shop)) if draft else None


def of_refund(shop: Shop, plan: RefundPlan) -> Message | None:
    """The letter that the buyer gets if exactly this goes back; None where no address is known, or nothing was delivered
    because what was paid was not what was ordered."""
    with shop.reading() as session:
        order = session.get_one(Order, plan.order_id)
        before = after_purchase.of_lines(session, order.id)
        named = {line for portion in plan.portions for line in portion.lines}
        concerned = after_purchase.positions(session, order.id, named if _by_lines(plan) else None)
    if not order.email or not order.stripe_checkout_session_id:
        return None
    access = tuple(Access(now.name, each.after, now.ever) for each, now in zip(plan.deliveries, before, strict=True))
    letter = RefundLetter(
        email=order.email, number=order.number, amount=plan.amount,
        returned=replace(plan.amount, amount=order.amount_refunded + plan.amount.amount),
        paid=replace(plan.amount, amount=order.amount_total or 0),
        expected_on=after_purchase.expected_on(shop.settings, shop.now()), asks_for_account=False, access=access,
        library_url=_veil(shop).library_url,
    )  # fmt: skip
    with sentences.spoken(order.language):
        return _worded(shop, letter, order.id, concerned)


def _worded(shop: Shop, letter: RefundLetter, order_id: str, concerned: set[int]) -> Message:
    never = {line for line, each in enumerate(letter.access, 1) if not each.ever and each.state is GrantState.REVOKED}
    if concerned and concerned <= never:
        return _branded(shop, lambda settings: _given_up(shop, settings, letter, order_id, never))
    return _branded(shop, lambda settings: wording.refunded(settings, letter))


def send_test(shop: Shop, kind: Job, *, deed: Deed) -> str:
    """Have a letter of this kind with made-up data sent to whoever clicked; returns their address.

    Raises NotPermitted or DoneAlready.
    """
    with shop.transaction() as session:
        who = deeds.begin(session, shop.settings, deed, Action.TEST_LETTER, subject=kind, now=shop.now())
        outbox.owe(session, Job.TEST_LETTER, kind, deed.token, key=f"{kind}:{deed.token}")
    return who.email


def of_kind(shop: Shop, kind: Job) -> Message:
    """A letter of this kind with made-up data."""
    return samples.of(shop, kind)


def _veil(shop: Shop) -> Veil:
    return Veil(f"{shop.settings.public_url}/purchases", declarations.page(shop))


def _by_lines(plan: RefundPlan) -> bool:
    return all(portion.lines for portion in plan.portions)


def _branded(shop: Shop, word: Callable[[Settings], Message]) -> Message:
    """The letter under the shop's own name, and in its colours."""
    with shop.reading() as session:
        texts = products.texts(session)
    settings = brand.over(texts, shop.settings)
    return wording.branded(word(settings), brand.of(texts, settings), settings)


def _given_up(shop: Shop, settings: Settings, letter: RefundLetter, order_id: str, lines: set[int]) -> Message:
    """What could never be delivered has a letter of its own, which tells of the money too."""
    order = _veil(shop).over(contents.about_order(shop, order_id))
    deliveries = tuple(each for line, each in enumerate(order.deliveries, 1) if line in lines)
    return wording.given_up(settings, replace(order, deliveries=deliveries, returned=letter.returned))
