"""Whatever became of the money of an order's Sessions, whoever paid them: nothing bills on, and no money stays, for nothing and
untold."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from core.kinds import access, plan_billing
from core.orders.ledger import Ledger
from core.orders.payments import Payment
from core.orders.status import GrantState
from tests.core.orders.rows import DAY, NORA, OLE, attempt, back, book, dispute, line, paid, plan, renewal

PLAN = line("plan", 900, interval="month")
# What may have become of a payment.
STANDS, REFUNDED, LOST = "stands", "refunded", "lost"
FATES = st.sampled_from([STANDS, STANDS, REFUNDED, LOST])


@dataclass(frozen=True)
class Bought:
    """A Session that was paid, and what became of its first payment and of each renewal. It was tried for nothing at first if it
    `tried`."""

    email: str
    tried: bool
    over: bool
    fates: tuple[str, ...]


SEVERAL = st.lists(
    st.builds(
        Bought, st.sampled_from([NORA, OLE]), st.booleans(), st.booleans(),
        st.lists(FATES, min_size=1, max_size=3).map(tuple),
    ),
    min_size=1, max_size=3,
)  # fmt: skip


def reckoned(several: list[Bought]) -> Ledger:
    """The ledger of an order of one plan whose Sessions were these."""
    rows, received, gone, lost, plans = [], [], [], [], []
    for number, each in enumerate(several, start=1):
        name = f"sub_{number}"
        rows.append(attempt(number, amount=900, email=each.email, stripe_subscription_id=name))
        plans.append(plan(name, "canceled" if each.over else "active"))
        theirs = [
            paid(f"in_{number}_0", 0 if each.tried else 900, session=f"cs_{number}", stripe_subscription_id=name),
            *(renewal(f"in_{number}_{place}", day=30 * place, plan=name) for place in range(1, len(each.fates))),
        ]
        received += theirs
        for payment, fate in zip(theirs, each.fates, strict=True):
            if payment.amount and fate == REFUNDED:
                gone.append(back(payment.id, 900))
            if payment.amount and fate == LOST:
                lost.append(dispute(payment.id, "lost", 900))
    received.sort(key=lambda payment: (payment.paid_at, payment.id))
    return book(*rows, due=900, payments=received, refunds=gone, disputes=lost, subscriptions=plans, lines=(PLAN,))


def stands(each: Bought) -> bool:
    """Whether nothing of it was lost, and the newest of it has not gone back."""
    fates = each.fates[1:] if each.tried else each.fates
    return LOST not in fates and fates[-1:] != (REFUNDED,)


def left_of(ledger: Ledger, name: str) -> list[Payment]:
    of_plan = [payment for payment in ledger.payments if payment.stripe_subscription_id == name]
    return [payment for payment in of_plan if payment.amount and not ledger.is_gone(payment)]


@settings(max_examples=200)
@given(SEVERAL)
def test_nothing_is_billed_or_kept_for_nothing_untold(several: list[Bought]) -> None:
    ledger = reckoned(several)
    state = access.allowed(ledger, PLAN, keeps_after_refund=False, now=DAY)
    billing = plan_billing.look(ledger, [PLAN], set())
    ended = {each.id for each in billing.unwanted}
    to_pay_back = {payment.stripe_subscription_id for payment in ledger.to_pay_back}
    for number, each in enumerate(several, start=1):
        name, others = f"sub_{number}", each.email != several[0].email
        # What bills on opens the plan, or is told of.
        if not each.over and (others or state is GrantState.REVOKED):
            assert name in ended | to_pay_back
        # What somebody else paid and has not got back is told of.
        if others and left_of(ledger, name):
            assert name in to_pay_back
        # No plan ends because the money of somebody else's did.
        if name in ended:
            assert not stands(each)
    # It is open for as long as the buyer pays for it by something that bills on, and no longer.
    own = [each for each in several if each.email == several[0].email and not each.over]
    assert (state is GrantState.ACTIVE) is any(map(stands, own))
