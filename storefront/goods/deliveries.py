"""Deliveries as their buyers meet them: a card each, on the thank-you page and among their purchases."""

from datetime import timedelta
from html import escape
from typing import Any, assert_never

import streamlit as st

from core.catalog import products
from core.catalog.looks import drawn_covers
from core.catalog.products import Kind
from core.kinds.grants import Closing, Delivery, File, License
from core.languages.sentences import _, marked, ngettext
from core.orders.status import GrantState
from storefront import amounts, dates, frame, links, pictures, process, words
from storefront.goods import licenses, tickets

# Links to files live for fifteen minutes: a page that stays open makes new ones in good time.
LINKS_LAST = timedelta(minutes=8)
# What may be used stands above what waits for somebody, and what is over comes last.
TURNS = {GrantState.ACTIVE: 0, GrantState.BLOCKED: 1, GrantState.SUSPENDED: 2, GrantState.REVOKED: 3}

_CLOSED = {
    GrantState.BLOCKED: ("orange", "hourglass_top", marked("We're on it"), ""),
    GrantState.SUSPENDED: (
        "orange",
        "pause",
        marked("On hold"),
        marked("Your bank is asking about this payment. It opens again after that."),
    ),
    GrantState.REVOKED: ("violet", "undo", marked("Closed"), marked("Its money went back, or its time is over.")),
}
# The same where it is known why.
_WHY = {
    Closing.REFUNDED: (
        "violet",
        "undo",
        marked("Refunded"),
        marked("Its money went back to you, so it doesn't open any more."),
    ),
    Closing.CHARGED_BACK: (
        "violet",
        "gavel",
        marked("Taken back by your bank"),
        marked("Your bank took the payment back, so it doesn't open any more."),
    ),
    Closing.DISPUTED: (
        "orange",
        "gavel",
        marked("On hold"),
        marked("Your bank is asking about this payment. It opens again if the bank decides that it stands."),
    ),
    Closing.UNPAID: (
        "orange",
        "credit_card_off",
        marked("Not paid"),
        marked("Its last payment hasn't come through. Pay it, or change the card, and it opens again."),
    ),
    Closing.PAUSED: (
        "orange",
        "pause",
        marked("On hold"),
        marked("It opens again when its billing goes on."),
    ),
    Closing.ENDED: ("gray", "event_busy", marked("Ended"), marked("The plan has ended. Nothing more is charged.")),
    Closing.TAKEN_BACK: (
        "violet",
        "block",
        marked("Closed"),
        marked("We closed this. Write to us if you think that is wrong."),
    ),
}
_ENDED_UNPAID = ("gray", "event_busy", marked("Ended"), marked("The plan ended because its renewal was not paid."))


def draw(delivery: Delivery, *, where: str, level: int = 2) -> Any:
    """One delivery, with what may be done with it right now. `level` is that of its heading.

    Returns its card, for more to be drawn into.
    """
    if delivery.state is not GrantState.ACTIVE:
        return _draw_closed(delivery, where, level)
    match delivery.kind:
        case Kind.DOWNLOAD:
            return _draw_download(delivery, where, level)
        case Kind.LICENSE:
            return _draw_license(delivery, where, level)
        case Kind.PLAN:
            return _draw_plan(delivery, where, level)
        case Kind.WORKSHOP:
            return _draw_workshop(delivery, where, level)
        case _:
            assert_never(delivery.kind)


def draw_way_to_seats(delivery: Delivery, where: str) -> None:
    """Where the seats of a plan are given to others, if it has any for them."""
    if delivery.kind is Kind.PLAN and delivery.state is GrantState.ACTIVE and delivery.quantity > 1:
        label = _("Give seats of {name}").format(name=words.plain(delivery.product))
        links.to(links.PURCHASES, label, "group_add", where=f"{where}-{delivery.grant_id}")


def keep_links_fresh() -> None:
    """Draw the page anew before the links on it have run out. Call it last, once per page."""
    drawn = process.shop().now()

    @st.fragment(run_every=LINKS_LAST)
    def wait() -> None:
        if process.shop().now() - drawn >= LINKS_LAST:
            st.rerun()

    wait()


def _draw_download(delivery: Delivery, where: str, level: int) -> Any:
    card = _card(delivery, where, level, _("Yours to keep."))
    with card:
        _draw_files(delivery.files, delivery.product, f"{where}-{delivery.grant_id}")
    return card


def _draw_license(delivery: Delivery, where: str, level: int) -> Any:
    most = max((each.most for each in delivery.licenses), default=1)
    keys = len(delivery.licenses)
    card = _card(delivery, where, level, _keys(keys, most) if keys > 1 else _key(most))
    with card:
        with frame.portion(delivery.licenses, f"keys-{where}-{delivery.grant_id}") as some:
            for each in some:
                licenses.draw(each, where)
        _draw_files(delivery.files, delivery.product, f"{where}-{delivery.grant_id}")
    return card


def draw_given(product: str, license: License) -> None:
    """A licence that nobody bought here."""
    with frame.card(f"given-{license.id}", gap="small"):
        st.subheader(words.plain(product), anchor=False)
        words.quiet(_key(license.most))
        licenses.draw(license, "library")


def _key(most: int) -> str:
    said = ngettext(
        "Your licence key, for up to {number} computer.", "Your licence key, for up to {number} computers.", most
    )
    return said.format(number=most)


def _keys(keys: int, most: int) -> str:
    said = ngettext(
        "{keys} licence keys, each for up to {number} computer.",
        "{keys} licence keys, each for up to {number} computers.",
        most,
    )
    return said.format(keys=keys, number=most)


def _draw_plan(delivery: Delivery, where: str, level: int) -> Any:
    seats = words.amount_of(delivery.kind, delivery.quantity)
    more = (
        _("{seats}. It is yours.")
        if delivery.quantity == 1
        else _("{seats}. The first is yours, the others you give in Your purchases.")
    )
    card = _card(delivery, where, level, seats if where == "library" else more.format(seats=seats))
    with card:
        _draw_files(delivery.files, delivery.product, f"{where}-{delivery.grant_id}")
    return card


def _draw_workshop(delivery: Delivery, where: str, level: int) -> Any:
    kept = sum(not each.canceled for each in delivery.tickets) if delivery.tickets else delivery.quantity
    places = words.amount_of(delivery.kind, kept)
    said = _("{places}, paid for and kept.").format(places=places) if kept else _("No place is kept for you any more.")
    card = _card(delivery, where, level, said)
    with card:
        tickets.draw(delivery)
    return card


def _draw_closed(delivery: Delivery, where: str, level: int) -> Any:
    """A delivery that does not open, and why."""
    color, icon, label, why = _why_closed(delivery)
    card = _card(
        delivery, where, level, dates.weekday(delivery.starts_at, delivery.timezone) if delivery.starts_at else ""
    )
    with card:
        said = _(why) if why else _blocked(delivery)
        st.markdown(f":{color}-badge[:material/{icon}: {_(label)}]  \n{said}")
    return card


def _why_closed(delivery: Delivery) -> tuple[str, str, str, str]:
    """Colour, icon, and what is said of it in a word and in a sentence."""
    if delivery.closing is Closing.UNPAID and delivery.state is GrantState.REVOKED:
        return _ENDED_UNPAID
    return _WHY.get(delivery.closing or Closing.OTHER, _CLOSED[delivery.state])


def _blocked(delivery: Delivery) -> str:
    if delivery.reason == "sold_out":
        return _(
            "The last place went while your payment was on its way. We'll offer you another date, or your money back."
        )
    if delivery.reason == "date_canceled":
        return _("It was canceled while your payment was on its way. We'll offer you another date, or your money back.")
    if delivery.reason == "date_passed":
        return _("It had begun when your payment arrived. We'll offer you another date, or your money back.")
    return _("Something needs a person to look at it. We'll write to you. **You don't need to pay again.**")


def _card(delivery: Delivery, where: str, level: int, note: str) -> Any:
    """Cover and words on top; what is drawn inside comes below them at full width, which phones need."""
    key = f"{where}-{delivery.grant_id}"
    panel = frame.card(key, gap="small")
    with panel.container(horizontal=True, gap="small", vertical_alignment="center"):
        cover = drawn_covers.instead(delivery.image, delivery.product, delivery.kind)
        pictures.show(products.thumb(cover), key, width=72)
        with st.container(width="stretch", gap="xxsmall"):
            (st.header if level == 2 else st.subheader)(words.plain(delivery.product), anchor=False)
            for line in (note, *(words.plain(each) for each in delivery.notes)):
                if line:
                    words.quiet(line)
    return panel


def _draw_files(files: tuple[File, ...], product: str, where: str) -> None:
    """Links to the sidecar: it counts, checks the grant and speaks Range, which no download button does."""
    found = [_link(file, product, first=index == 0) for index, file in enumerate(files) if file.token]
    if not found:
        return
    st.html(f'<div class="files">{"".join(found)}</div>')
    for file in files:
        if file.covered_until:
            said = _(
                "Updates of this licence ended on {day}. You keep {file} as it was then; a newer one has come since."
            )
            words.quiet(said.format(day=dates.day(file.covered_until), file=words.plain(file.label or file.name)))
        elif file.is_newer:
            newer = _("Newer than yours")
            st.markdown(f":green-badge[:material/update: {newer}] {_newer(file)}")
    with st.popover(_("Versions and checksums"), type="tertiary", icon=":material/info:", key=f"about-files-{where}"):
        for file in files:
            st.markdown(f"**{words.plain(file.name)}**")
            if file.version or file.number > 1:
                words.quiet(_called(file))
            if file.notes:
                st.markdown(words.plain(file.notes))
            words.quiet(f"SHA-256 `{file.sha256}`")


def _called(file: File) -> str:
    """Which version a file is, and since when there is that."""
    named = {"version": words.plain(file.version), "number": file.number}
    if file.released_at is None:
        said = _("Version {version}") if file.version else _("Version number {number}")
        return said.format(**named)
    said = _("Version {version}, {day}") if file.version else _("Version number {number}, {day}")
    return said.format(**named, day=dates.day(file.released_at))


def _newer(file: File) -> str:
    notes = f": {words.plain(file.notes)}" if file.notes else "."
    return f"{words.plain(file.label or file.name)} · {_called(file)}{notes}"


def _link(file: File, product: str, *, first: bool) -> str:
    """A link that says of what it is, since there may be several of one label on a page."""
    label = _("Download {file}, {size}") if first else _("{file}, {size}")
    label = label.format(file=file.label or file.name, size=amounts.size(file.size))
    whose = f'<span class="sr"> · {escape(product)}</span>'
    return (
        f'<a href="/api/downloads/{escape(file.token)}" download target="_self"><span>{escape(label)}{whose}</span></a>'
    )
