"""What may happen around a purchase: stories that either side can live through."""

from collections.abc import Callable, Mapping

from core.journeys import refund, success_page
from tests import builders
from tests.contract.sides import Side, newest_payment


def _paid(side: Side, *items: str | tuple[str, int], cart: str = "cart_1") -> str:
    """Something was bought and paid for by card; returns the PaymentIntent."""
    _, session_id = builders.opened(side.shop, *items, cart=cart)
    side.pay(session_id)
    return str(side.stripe.retrieve_checkout(session_id).payment_intent)


def _subscribed(side: Side, *items: str | tuple[str, int]) -> str:
    _, session_id = builders.opened(side.shop, *items)
    side.pay(session_id)
    return str(side.stripe.retrieve_checkout(session_id).subscription)


def paid_by_card(side: Side) -> None:
    _paid(side, "guide-eur", ("clinic-eur", 2))
    side.pass_(minutes=2)


def paid_with_a_code(side: Side) -> None:
    _, session_id = builders.opened(side.shop, ("guide-eur", 2), "kit-eur")
    side.discount(session_id, 50)
    side.pay(session_id)


def paid_after_a_decline(side: Side) -> None:
    _, session_id = builders.opened(side.shop)
    side.decline(session_id)
    side.decline(session_id)
    side.pay(session_id)


def declined_and_given_up(side: Side) -> None:
    _, session_id = builders.opened(side.shop)
    side.decline(session_id)
    side.expire(session_id)


def a_gift(side: Side) -> None:
    _, session_id = builders.opened(side.shop, "gift-eur")
    side.pay(session_id)


def a_debit_that_settles_and_goes_back(side: Side) -> None:
    _, session_id = builders.opened(side.shop)
    side.pay(session_id, slowly=True)
    side.settle(session_id)
    side.refund(str(side.stripe.retrieve_checkout(session_id).payment_intent), 2900)
    side.pass_(minutes=2)


def a_debit_that_bounces(side: Side) -> None:
    _, session_id = builders.opened(side.shop)
    side.pay(session_id, slowly=True)
    side.bounce(session_id)


def refunded_in_parts_and_in_vain(side: Side) -> None:
    payment = _paid(side, "kit-eur")
    side.refund(payment, 1000)
    side.pass_(minutes=2)
    side.fail_refund(side.refund(payment, 6900))


def refunded_by_the_shop(side: Side) -> None:
    order_id, session_id = builders.opened(side.shop, "kit-eur")
    side.pay(session_id)
    success_page.confirm(side.shop, session_id)
    side.pass_(minutes=2)
    refund.request(side.shop, order_id, 1000, reason="duplicate", actor="owner")
    side.shop_has_refunded()
    side.pass_(minutes=2)


def warned_and_refunded(side: Side) -> None:
    payment = _paid(side)
    side.warn(payment)
    side.refund(payment, 2900)
    side.warn(payment)


def warned_and_disputed_and_lost(side: Side) -> None:
    payment = _paid(side)
    side.warn(payment)
    side.refund(payment, 400)
    side.decide(side.dispute(payment), "lost")


def disputed_and_won(side: Side) -> None:
    side.decide(side.dispute(_paid(side)), "won")


def only_asked_about(side: Side) -> None:
    side.decide(side.inquire(_paid(side)), "warning_closed")


def asked_about_and_then_disputed(side: Side) -> None:
    dispute = side.inquire(_paid(side))
    side.escalate(dispute)
    side.decide(dispute, "lost")


def a_plan_that_renews_with_more_seats(side: Side) -> None:
    name = _subscribed(side, ("plan-month", 2))
    side.change_seats(name, 5)
    side.end_period(name)
    side.end_period(name)
    side.refund(str(newest_payment(side, name)), 300)


def a_plan_bought_with_a_file_and_cancelled_at_once(side: Side) -> None:
    side.cancel(_subscribed(side, "plan-year", "guide-eur"))


def a_plan_cancelled_for_its_periods_end(side: Side) -> None:
    name = _subscribed(side, "plan-month")
    side.cancel_later(name)
    side.end_period(name)


def a_trial_that_is_paid_for_in_the_end(side: Side) -> None:
    _, session_id = builders.opened(side.shop, "plan-month")
    side.expire(session_id)
    parameters = builders.attempts(side.shop)[0].parameters
    data = {**parameters["subscription_data"], "trial_period_days": 14}
    opened = side.stripe.open_checkout({**parameters, "subscription_data": data}, key="trial")
    side.pay(opened.id)
    side.end_period(str(side.stripe.retrieve_checkout(opened.id).subscription))


def a_renewal_that_fails_and_recovers(side: Side) -> None:
    name = _subscribed(side, "plan-month")
    side.fail_renewal(name)
    side.recover(name)
    side.dispute(str(newest_payment(side, name)))


def a_month_that_is_paid_out(side: Side) -> None:
    first, second = _paid(side), _paid(side, "kit-eur", cart="cart_2")
    side.refund(first, 400)
    side.decide(side.dispute(second), "won")
    side.pass_(minutes=2)
    payout = side.pay_out()
    side.pass_(hours=1)
    side.arrive_payout(payout)


def a_payout_that_comes_back_and_goes_again(side: Side) -> None:
    _paid(side)
    side.pass_(minutes=2)
    payout = side.pay_out()
    side.arrive_payout(payout)
    side.fail_payout(payout)
    side.pay_out()


def a_price_that_is_withdrawn(side: Side) -> None:
    side.withdraw(side.sell(2900))
    side.withdraw(side.sell(900, interval="month"))


STORIES: Mapping[str, Callable[[Side], None]] = {
    story.__name__.replace("_", " "): story
    for story in (
        paid_by_card, paid_with_a_code, paid_after_a_decline,
        declined_and_given_up, a_gift, a_debit_that_settles_and_goes_back,
        a_debit_that_bounces, refunded_in_parts_and_in_vain, refunded_by_the_shop, warned_and_refunded,
        warned_and_disputed_and_lost, disputed_and_won, only_asked_about, asked_about_and_then_disputed,
        a_plan_that_renews_with_more_seats, a_plan_bought_with_a_file_and_cancelled_at_once,
        a_plan_cancelled_for_its_periods_end, a_trial_that_is_paid_for_in_the_end, a_renewal_that_fails_and_recovers,
        a_month_that_is_paid_out, a_payout_that_comes_back_and_goes_again, a_price_that_is_withdrawn,
    )
}  # fmt: skip
