"""Returned letters: what mail providers report of a letter after it was sent, on the letter and of its reader's mailbox."""

from collections.abc import Sequence
from datetime import timedelta

from sqlmodel import Session, select

from core.foundation.addresses import fold, spellings
from core.mailboxes import marks
from core.mailboxes.marks import Kind
from core.mailboxes.reports import Report
from core.messages import letters, mail
from core.orders.orders import Order
from core.people import customers
from core.shop import Shop

# Providers try for days before they give a letter up.
_LATE = timedelta(days=7)


def take(shop: Shop, reports: Sequence[Report]) -> int:
    """Write down what is reported, in one transaction; how many mailboxes were marked by it. The same again changes nothing."""
    marked = 0
    with shop.transaction() as session:
        for report in reports:
            if report.for_good:
                marked += marks.report(
                    session,
                    report.address,
                    report.kind,
                    detail=report.reason,
                    signing_key=shop.signing_key,
                    now=shop.now(),
                )
            if report.kind is Kind.BOUNCED and report.for_good:
                _note_on_letter(session, shop, report)
    return marked


def _note_on_letter(session: Session, shop: Shop, report: Report) -> None:
    """On the letter that came back, if it is said which that is; else on the newest that was sent to the address."""
    known = {report.address, *spellings(report.address), *_written(session, report.address)}
    sent = letters.sent_lately(session, known, since=shop.now() - _LATE)
    named = [each for each in sent if mail.reference(each) in report.message_id]
    for letter_id in named or ([] if report.message_id else sent[:1]):
        letters.came_back(session, letter_id, f"came back: {report.reason or 'no such mailbox'}")


def _written(session: Session, address: str) -> set[str]:
    """How this address is written where letters to its customer go: a mail server may report it in other capitals."""
    owner = customers.whose(session, address)
    found = session.exec(select(Order.email).where(Order.customer_id == owner).distinct()).all() if owner else []
    return {each for each in found if fold(each) == fold(address)}
