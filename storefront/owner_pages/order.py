from html import escape
from itertools import zip_longest
from typing import Any

import streamlit as st

from core.catalog import products
from core.catalog.looks import drawn_covers
from core.foundation.errors import OrderNotFound, ShopError
from core.journeys.given_orders import Given
from core.kinds.grants import Delivery
from core.orders.disputes import Standing
from core.owner import notes
from core.owner.needs import orders as needs
from core.owner.order_book import detail, lookup
from core.owner.order_book.detail import GivenView, Sheet
from core.people.staff import Action, Staff
from storefront import amounts, dates, frame, links, pictures, process, unsaved, words
from storefront.amounts import price
from storefront.back_office import dialogs, gate, lists, order_dialogs, refusals, rehearsal_card, states
from storefront.back_office.order_rows import who
from storefront.order_desk import agreed, people, seat_dialogs

shop = process.shop()


def find(named: str) -> Sheet | None:
    """The order that the address names, by id, number or an id of Stripe's."""
    with shop.reading() as session:
        order_id = lookup.exactly(session, named) if named else None
    try:
        return detail.sheet(shop, order_id) if order_id else None
    except OrderNotFound:
        return None


def draw_head(sheet: Sheet, me: Staff) -> None:
    """Number, states and what can be done."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(width="content", gap="xxsmall"):
            st.title(sheet.row.number, anchor=False, width="content")
            test = "" if sheet.row.livemode else " &nbsp; :gray-badge[Test money]"
            test += " :orange-badge[:material/auto_awesome: Made up]" if sheet.made_up else ""
            st.markdown(
                f"{states.badge(states.STATUS[sheet.row.status])} {states.badge(states.HANDED[sheet.row.handed])} &nbsp; "
                f"**{price(sheet.row.total)}** &nbsp; :gray[{states.moment(sheet.row.placed_at)} {shop.settings.zone.key}]{test}"
            )
        draw_actions(sheet, me)
    if sheet.given:
        draw_given(sheet.given)
    if sheet.made_up:
        words.quiet(
            "This order is of the demo's season of sales: nobody placed it, and no money or letter of it is real. Stripe, or what "
            "stands in for it, has never heard of its ids."
        )


def draw_given(given: GivenView) -> None:
    """That nobody paid here, and who said so."""
    match given.kind:
        case Given.COMPLIMENTARY:
            what = "Complimentary"
        case Given.OUTSIDE:
            what = f"Paid elsewhere: {price(given.outside)}" if given.outside else "Paid elsewhere"
    st.markdown(f":blue-badge[:material/redeem: {what}]")
    words.quiet(f"{words.plain(given.reason)}. Given by {words.plain(given.who)}; nothing was received by Stripe.")


def draw_actions(sheet: Sheet, me: Staff) -> None:
    """A button for each thing that this person may do with an order like this. Each opens a dialog."""
    ended = any(line.taken_back is not None for line in sheet.lines)
    possible = (
        ("resend", "Send receipt again", "mail", Action.RESEND, sheet.paid and not sheet.made_up),
        ("payment_link", "Page to pay on", "link", Action.PAYMENT_LINK, sheet.payable and sheet.our_mode),
        ("readdress", "Change address", "alternate_email", Action.READDRESS, sheet.customer_id is not None),
        ("give_back", "Give back access", "undo", Action.GIVE_BACK, ended),
        ("take_back", "Take back access", "block", Action.TAKE_BACK, bool(sheet.deliveries)),
        (
            "refund",
            "Refund",
            "undo",
            Action.REFUND,
            bool(sheet.price.left.amount) and sheet.our_mode and not sheet.made_up,
        ),
    )
    with st.container(horizontal=True, width="content", gap="small", key="order-actions"):
        for name, label, icon, action, fits in possible:
            if fits and me.may(action):
                st.button(label, icon=f":material/{icon}:", key=f"open-{name}", on_click=dialogs.opener(name))


def draw_attention(sheet: Sheet, me: Staff) -> None:
    """What keeps this order from being done, and what a bank waits for."""
    for dispute in sheet.disputes:
        if dispute.standing is Standing.ANSWER:
            how = "Answer it in Stripe's dashboard" + (
                ", by the evidence pack below." if me.may(Action.EXPORT) else "."
            )
            st.warning(
                f"**The bank waits for your answer** about {price(dispute.amount)}: {states.disputed_for(dispute.reason)}. {how}"
                f"  \n{states.until_answered(dispute)}",
                icon=":material/gavel:",
            )
    if waits_for_answer(sheet) and me.may(Action.EXPORT):
        draw_evidence(sheet)
    for line in sheet.attention:
        topic, _, subject = line.partition(": ")
        said = topic.replace("_", " ").replace(":", " ")
        what = needs.advice(topic.partition(":")[0], subject, number=sheet.row.number, status=sheet.row.status)
        st.warning(f"**{said.capitalize()}** {words.plain(subject)}  \n{words.told(what)}", icon=":material/error:")


def waits_for_answer(sheet: Sheet) -> bool:
    """Whether a bank does."""
    return any(each.standing is Standing.ANSWER for each in sheet.disputes)


def draw_deliveries(sheet: Sheet) -> None:
    """What was bought, and how each stands."""
    st.header("What was bought", anchor=False)
    with frame.card("lines", gap="small"):
        # Once it is paid there is one for each line, in the same order.
        for line, delivery in zip_longest(sheet.lines, sheet.deliveries):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                if delivery:
                    cover = drawn_covers.instead(delivery.image, delivery.product, delivery.kind)
                    pictures.show(products.thumb(cover), f"line-{line.position}", width=48)
                with st.container(width="stretch", gap="xxsmall"):
                    many = f" × {line.quantity}" if line.quantity > 1 else ""
                    badge = states.of_delivery(delivery) if delivery else ""
                    st.markdown(f"**{words.plain(line.name)}**{many} &nbsp; {badge}")
                    words.quiet(words.plain(about(delivery)) if delivery else "Not paid for.")
                    if line.taken_back is not None:
                        words.quiet(f"Taken back: {words.plain(line.taken_back)}")
                every = f" {words.EACH[line.interval]}" if line.interval in words.EACH else ""  # type: ignore[index]
                st.markdown(f"{price(line.total)}{every}", width="content")


def about(delivery: Delivery) -> str:
    """What is worth knowing of a delivery; of a key its last characters alone."""
    parts = [states.CLOSING.get(delivery.reason, delivery.reason.replace("_", " "))] if delivery.reason else []
    parts += [
        f"Key ending {each.hint}, {each.used(shop.now())} of {words.count(each.most, 'computer', 'computers')}"
        for each in delivery.licenses[: frame.PORTION]
    ]
    if (more := len(delivery.licenses) - frame.PORTION) > 0:
        parts.append(f"{words.count(more, 'more key', 'more keys')}, all of them among the licences")
    if delivery.starts_at:
        parts.append(dates.weekday(delivery.starts_at, delivery.timezone))
    if delivery.seats:
        parts.append(", ".join(delivery.seats[: frame.PORTION]))
    if (more := len(delivery.seats) - frame.PORTION) > 0:
        parts.append(f"{words.count(more, 'more person', 'more people')}, all of them at the seats below")
    parts += [words.amount_of(delivery.kind, delivery.quantity)] if not parts else []
    return ". ".join(parts)


def draw_timeline(sheet: Sheet) -> None:
    """What happened, newest first."""
    st.header("What happened", anchor=False)
    with st.container(gap="small"):
        for number, moment in enumerate(sheet.moments):
            title = f"{words.plain(moment.title)} &nbsp; :gray[:small[{states.moment(moment.at)}]]"
            with st.expander(title, icon=f":material/{states.TONE[moment.tone]}:", type="step", key=f"moment-{number}"):
                detail_text = f"{moment.detail}. " if moment.detail else ""
                whose = states.by(moment.actor)
                words.quiet(
                    f"{words.plain(detail_text)}{whose[0].upper()}{whose[1:]}. :gray[{words.plain(moment.event)}]"
                )


def draw_money(sheet: Sheet, me: Staff) -> None:
    """How what was paid came about, what went back, and what of it reaches the bank."""
    st.header("Money", anchor=False)
    with frame.card("money", gap="xxsmall"):
        tax = "Tax, included" if sheet.price.tax_included else "Tax"
        for label, amount in (("Subtotal", sheet.price.subtotal), (tax, sheet.price.tax)):
            if amount:
                amounts.pair(label, price(amount))
        if sheet.price.discount and sheet.price.discount.amount:
            amounts.pair("Discount", price(sheet.price.discount * -1))
        if balance := sheet.price.settled:
            amounts.pair("Settled with their balance at Stripe", price(balance * -1))
        amounts.pair("Paid" if sheet.paid else "To be paid", price(sheet.price.total), strong=True)
        if sheet.price.refunded.amount:
            amounts.pair("Went back", price(sheet.price.refunded * -1))
        if sheet.price.credited.amount:
            amounts.pair("Given by credit notes", price(sheet.price.credited * -1))
        if sheet.paid and sheet.disputes and sheet.price.kept_back:
            amounts.pair("Can still go back", price(sheet.price.left))
            words.quiet("A bank took the rest, or holds it until it has decided: of that nothing can be refunded.")
        for settled in sheet.settled:
            if settled.disputed:
                amounts.pair(":gray[Taken by banks]", f":gray[{price(settled.disputed * -1)}]")
            amounts.pair(":gray[Stripe's fee]", f":gray[{price(settled.fee * -1)}]")
            arrives = f", {dates.day(settled.arrives)}" if settled.arrives else ""
            amounts.pair(f":gray[You receive{arrives}]", f":gray[{price(settled.net)}]")
        if sheet.paid and not sheet.settled and sheet.price.total.amount:
            words.quiet("Stripe's fee is known within minutes of the payment.")
    draw_payments(sheet, me)


def draw_payments(sheet: Sheet, me: Staff) -> None:
    """Each payment, refund and dispute, by the name that Stripe's dashboard finds it by."""
    for payment in sheet.payments:
        invoice = payment.id if payment.id.startswith("in_") else ""
        names = [each for each in (payment.payment_intent or payment.id, invoice) if each]
        with draw_fact(
            f"{price(payment.amount)} {'credited' if payment.credited else 'paid'}",
            states.moment(payment.paid_at),
            *dict.fromkeys(names),
            sheet=sheet,
        ):
            if not payment.credited:  # of a credit note there is Stripe's own paper
                draw_papers(payment.key, sheet)
    for refund in sheet.refunds:
        badge = states.badge(states.REFUND[refund.status])
        why = states.of_refund(refund.reason, refund.failure, refund.actor)
        draw_fact(
            f"{price(refund.amount)} {badge}",
            f"{states.moment(refund.at)} · {why}",
            refund.id,
            sheet=sheet,
        )
    for dispute in sheet.disputes:
        badge = states.badge(states.DISPUTE[dispute.standing])
        with draw_fact(f"{price(dispute.amount)} {badge}", states.of_dispute(dispute), dispute.id, sheet=sheet):
            if dispute.standing is Standing.ANSWER:
                st.markdown(states.until_answered(dispute))
    # Where a bank waits for an answer it stands on top.
    if sheet.paid and me.may(Action.EXPORT) and not waits_for_answer(sheet):
        draw_evidence(sheet)
    for each in sheet.subscriptions:
        ends = f", ends {states.moment(each.ends_at)}" if each.ends_at and not each.over else ""
        until = f", paid until {states.moment(each.period_end)}" if each.period_end and not each.over else ""
        note = f"{each.status or 'not fetched yet'}{until}{ends}{', paid by somebody else' if each.anothers else ''}"
        draw_fact(subscribed(each.plans), note, each.id, sheet=sheet)


def subscribed(plans: tuple[tuple[str, int | None], ...]) -> str:
    """What a subscription bills for."""
    named = [
        f"{words.plain(name)}, {words.count(seats, 'seat', 'seats')}" if seats is not None else words.plain(name)
        for name, seats in plans
    ]
    return "Subscription" + (f" to {' and '.join(named)}" if named else "")


def draw_evidence(sheet: Sheet) -> None:
    """What helps to answer a dispute, as a page to keep."""
    address = f"/api/owner/evidence/{sheet.row.id}"
    st.html(f'<div class="files plain"><a href="{escape(address)}" download target="_self">Evidence pack</a></div>')


def draw_papers(payment: str, sheet: Sheet) -> None:
    """The receipt of a payment, and the invoices that Stripe wrote of it."""
    found = [f"[Receipt](/api/owner/receipts/{payment})"]
    found += [
        f"[{paper.title} {words.plain(paper.number)}]({paper.url or paper.pdf_url})" if paper.url or paper.pdf_url
        else f"{paper.title} {words.plain(paper.number)}"
        for paper in sheet.papers.get(payment, ())
    ]  # fmt: skip
    words.quiet(" · ".join(found))


def draw_fact(title: str, note: str, *names: str, sheet: Sheet) -> Any:
    """A fact of Stripe's with its ids, each leading to where Stripe's dashboard has its receipt, invoice or evidence."""
    box = st.container(gap=None, border=True)
    with box:
        st.markdown(title)
        words.quiet("  \n".join((note, *(named(each, sheet) for each in names))))
    return box


def named(name: str, sheet: Sheet) -> str:
    """An id, with the way to it where Stripe itself knows it: the sandbox has no dashboard, and what is made up is nowhere."""
    known = not shop.settings.demo and not sheet.made_up
    address = links.at_stripe(name, livemode=sheet.row.livemode) if known else ""
    return f"[`{name}`]({address})" if address else f"`{name}`"


def draw_buyer(sheet: Sheet) -> None:
    """Whose it is."""
    st.header("Buyer", anchor=False)
    with frame.card("buyer", gap="xxsmall"):
        st.markdown(f"**{words.plain(who(sheet.row))}**")
        if sheet.row.email:
            if who(sheet.row) != sheet.row.email:
                words.quiet(words.plain(sheet.row.email))
            links.to(links.ORDERS, "All their orders", "receipt_long", where="buyer", text=sheet.row.email)
        card = f"card from {sheet.card_country}" if sheet.card_country else ""
        known = [each for each in (sheet.row.country, card, sheet.tax_id, *sheet.rates) if each]
        if known:
            words.quiet(words.plain(" · ".join(known)))


def draw_letters(sheet: Sheet) -> None:
    """Which letters went out, and what was downloaded."""
    if sheet.letters:
        st.header("Letters", anchor=False)
        for letter in sheet.letters:
            wrong = f" · {words.plain(letter.error)}" if letter.error else ""
            words.quiet(f"{states.of_letter(letter.id, letter.state)} {states.moment(letter.at)}{wrong}")
    if sheet.downloads:
        st.header("Downloads", anchor=False)
        for at, file, ip in sheet.downloads[-20:]:
            words.quiet(f"{words.plain(file)}, {states.moment(at)}{f', from {words.plain(ip)}' if ip else ''}")


def draw_notes(sheet: Sheet, me: Staff) -> None:
    """What the staff tell each other about it."""
    st.header("Notes", anchor=False)
    if me.may(Action.NOTE):
        key = f"note-text-{sheet.row.id}"
        form = unsaved.Form(key, f"Note on {sheet.row.number}", links.ORDER, sheet.row.id)
        with unsaved.fields(form):
            text = st.text_area(
                "Note",
                key=key,
                height=80,
                max_chars=2000,
                placeholder="Only your team sees this.",
                persist_state=unsaved.KEPT,
            )
        unsaved.note(form, bool(text.strip()))
        written = st.button("Save note", key="note-do") and not frame.is_kept(key)
        unsaved.draw(form, lambda: unsaved.empty(form, key))
        if written and text.strip():
            keep_note(sheet, text)
        elif written:
            st.warning("Write the note first.", icon=":material/edit:")
    for note in sheet.notes:
        st.markdown(words.plain(note.text))
        words.quiet(f"{words.plain(note.who)}, {states.moment(note.at)}")
    if not sheet.notes and not me.may(Action.NOTE):
        words.quiet("No notes.")


def keep_note(sheet: Sheet, text: str) -> None:
    """Write it down, and begin another one."""
    try:
        notes.write(shop, sheet.row.id, text, deed=gate.deed("note"))
    except ShopError as error:
        refusals.draw(error)
        return
    gate.open_token("note")
    frame.kept(f"note-text-{sheet.row.id}")
    st.rerun()


me = gate.me()
sheet = find(lists.asked("id"))
with frame.column(1180):
    links.back(links.ORDERS, "Orders")
    if sheet is None:
        st.title("No such order", anchor=False)
        st.markdown("Nothing here goes by that number or id. Find it by its buyer's email or name instead.")
        st.stop()
    frame.title_bar(sheet.row.number)
    draw_head(sheet, me)
    dialogs.draw_said()
    draw_attention(sheet, me)
    left, right = st.columns([5, 3], gap="medium")
    with left:
        draw_deliveries(sheet)
        people.draw_places(sheet.places)
        people.draw_seats(sheet.seats, sheet.row.id, me)
        draw_timeline(sheet)
    with right:
        draw_money(sheet, me)
        draw_buyer(sheet)
        agreed.draw(sheet.row.id, {line.product_id: line.name for line in sheet.lines})
        draw_letters(sheet)
        draw_notes(sheet, me)
        rehearsal_card.draw(sheet, me)
    order_dialogs.draw_open(sheet)
    seat_dialogs.draw_open(sheet.seats)
