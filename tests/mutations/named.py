"""Mutations that once were found to survive, each with the test that must notice it."""

import ast
from dataclasses import dataclass

from tests.mutations.mutants import ROOT


@dataclass(frozen=True)
class Named:
    """What a file would say if this were broken, and the test that fails then."""

    what: str
    file: str
    old: str
    new: str
    test: str

    def source(self) -> ast.Module:
        """The file, broken."""
        text = (ROOT / self.file).read_text()
        if text.count(self.old) != 1:
            raise LookupError(f"{self.file} has {text.count(self.old)} times {self.old!r}.")
        return ast.parse(text.replace(self.old, self.new))


NAMED = (
    Named(
        "a code may be tried for ever",
        "core/people/codes.py",
        ", col(SignInCode.tries) < _TRIES_PER_CODE",
        "",
        "tests/core/people/test_sign_in.py::test_wrong_digits_are_refused_and_the_sixth_try_is_too_late",
    ),
    Named(
        "a place of a workshop that has begun may be held",
        "core/kinds/places/line_places.py",
        "line.quantity, *workshops.bookable(now))",
        "line.quantity)",
        "tests/core/kinds/test_workshop_dates.py::test_a_begun_workshop_can_neither_be_put_into_a_cart_nor_be_held",
    ),
    Named(
        "a place that frees up is shown before whoever waits for it is offered it",
        "core/kinds/places/waiting_list.py",
        "    workshops.count_down(session, date_id, places)\n    look(session, date_id)",
        "    workshops.count_down(session, date_id, places)",
        "tests/core/attendance/test_waiting.py"
        "::test_a_freed_place_goes_to_the_first_for_whom_it_is_enough_and_the_shop_never_shows_it",
    ),
    Named(
        "the way into a meeting stays open when the money went back",
        "core/attendance/tickets.py",
        "self.grant.state is GrantState.ACTIVE and self.row.holds",
        "True",
        "tests/core/attendance/test_tickets.py"
        "::test_the_way_in_says_when_opens_half_an_hour_before_and_is_shut_by_a_refund",
    ),
    Named(
        "an attempt is given up though its Session is known",
        "core/journeys/checkout.py",
        "if row.stripe_checkout_session_id is None:",
        "if True:",
        "tests/core/journeys/test_checkout.py::test_a_refusal_leaves_an_attempt_alone_whose_page_another_click_opened",
    ),
    Named(
        "the open page is ended before the new basket is looked at",
        "core/journeys/checkout.py",
        "    if not same:",
        "    if False:",
        "tests/core/journeys/test_checkout.py::test_a_changed_basket_that_cannot_be_had_leaves_the_page_that_is_open",
    ),
    Named(
        "a failure that is noted late overwrites that the event was applied",
        "core/events/inbox.py",
        "if not earlier.is_over:",
        "if True:",
        "tests/core/events/test_inbox.py::test_a_failure_that_is_noted_late_leaves_what_was_applied_as_it_is",
    ),
    Named(
        "an event that is not parked may be dismissed",
        "core/events/inbox.py",
        "if row.state is not EventState.PARKED:",
        "if False:",
        "tests/core/events/test_inbox.py::test_only_what_is_parked_can_be_dismissed",
    ),
    Named(
        "an attempt is closed without a second look",
        "core/events/reconciliation.py",
        "if row.stripe_checkout_session_id is not None:",
        "if False:",
        "tests/core/events/test_reconciliation.py::test_an_attempt_that_turns_out_to_have_a_session_is_not_closed",
    ),
    Named(
        "events are taken for seen until the end of the listing",
        "core/events/reconciliation.py",
        "milestones.record(session, milestone, at=started)",
        "milestones.record(session, milestone, at=run.shop.now())",
        "tests/core/events/test_reconciliation.py::test_what_happens_while_the_events_are_listed_is_in_the_next_listing",
    ),
    Named(
        "cookies are never kept from unencrypted connections",
        "webhook/requests/cookies.py",
        'secure=shop.settings.public_url.startswith("https://")',
        "secure=False",
        "tests/webhook/test_cookies.py::test_where_the_shop_is_encrypted_its_cookies_go_no_other_way",
    ),
    Named(
        "mail that is to go encrypted goes as it is",
        "core/messages/mail.py",
        "server.starttls(context=_trusted())",
        "pass",
        "tests/core/messages/test_mail.py::test_a_letter_that_is_to_go_encrypted_goes_no_other_way",
    ),
    Named(
        "two workers have the same letter",
        "core/messages/letters.py",
        "open_, free, heartbeats",
        "open_, heartbeats",
        "tests/core/messages/test_letters.py::test_of_many_who_want_a_letter_at_once_one_gets_it",
    ),
    Named(
        "a late failure overwrites that the letter was sent",
        "core/messages/letters.py",
        "if letter is None or letter.state in SETTLED:",
        "if letter is None:",
        "tests/core/messages/test_letters.py::test_a_late_failure_never_overwrites_what_was_sent",
    ),
    Named(
        "an order that was placed without a browser is everybody's who has none",
        "core/people/purchases.py",
        "if not viewer.browser or order.browser_id != viewer.browser:",
        "if order.browser_id != viewer.browser:",
        "tests/core/people/test_address_changes.py::test_an_order_that_was_placed_without_a_browser_is_nobodys_who_has_none",
    ),
    Named(
        "what was paid for a plan always fits",
        "core/orders/ledger.py",
        "{row.id: checkouts.misfit(row, row, self.due) for",
        '{row.id: "" if row.stripe_subscription_id else checkouts.misfit(row, row, self.due) for',
        "tests/webhook/test_payments.py::test_a_mismatch_is_one_for_every_subscription_and_its_renewals_buy_nothing",
    ),
    Named(
        "access that was to end with a refund stays ended though the refund failed",
        "core/orders/refunds.py",
        "if refund.status in GONE and refund.takes_back)",
        "if refund.takes_back)",
        "tests/webhook/test_payments.py::test_what_an_owner_took_back_with_a_refund_comes_back_when_the_refund_fails",
    ),
    Named(
        "the address that was corrected on Stripe's page is not the order's",
        "core/fulfillment.py",
        "order.email = paid.email\n",
        "order.email = order.email or paid.email\n",
        "tests/core/people/test_addresses.py::test_the_address_that_stripe_reports_is_the_orders_whatever_was_typed_before",
    ),
    Named(
        "the address that an owner corrected is not the order's",
        "core/people/address_changes.py",
        "    order.email, order.customer_id, order.updated_at = email, to, now",
        "    order.customer_id, order.updated_at = to, now",
        "tests/core/people/test_address_changes.py::test_an_owner_corrects_a_mistyped_address",
    ),
    Named(
        "when something was first granted moves",
        "core/kinds/convergence.py",
        "grant.granted_at = grant.granted_at or now",
        "grant.granted_at = now",
        "tests/core/test_fulfillment.py::test_when_something_was_first_granted_never_moves",
    ),
    Named(
        "a link to a file in a bucket opens it for a day",
        "core/foundation/storage.py",
        "PRESIGNED_SECONDS = 60",
        "PRESIGNED_SECONDS = 86400",
        "tests/core/foundation/test_storage.py::test_a_link_to_a_bucket_opens_one_file_for_a_minute_under_its_name",
    ),
    Named(
        "a copy of an order is believed whoever signed it",
        "core/journeys/checkout_sessions/order_copy.py",
        "if not text or not signing.is_signed(",
        "if not text or not (lambda *_: True)(",
        "tests/core/backup/test_recovery.py::test_a_copy_that_was_altered_or_is_of_another_attempt_is_not_believed",
    ),
    Named(
        "a backup is put over what is there",
        "core/backup/restoring.py",
        "if there and not databases.is_empty(shop.engine):",
        "if False:",
        "tests/core/backup/test_backup.py::test_only_an_empty_database_is_filled",
    ),
    Named(
        "a backup is put over a shop that was opened meanwhile",
        "core/backup/databases.py",
        "place.hardlink_to(file)",
        "file.rename(place)",
        "tests/core/backup/test_backup.py::test_a_shop_that_is_opened_while_a_backup_is_put_back_is_not_written_over",
    ),
    Named(
        "what is owed stays behind where a shop moves to PostgreSQL",
        "core/backup/transfer.py",
        "for schema in databases.schemas(looked_at)",
        'for schema in ("public",)',
        "tests/core/backup/test_transfer.py::test_a_shop_in_trade_goes_on_where_it_stood",
    ),
)
