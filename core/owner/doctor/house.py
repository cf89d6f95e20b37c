"""What the doctor finds in the house: settings, worker, stored files, Redis, mail."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import orjson
from sqlmodel import col, func, select

from core.catalog import products, seller
from core.catalog.products import Product
from core.connections import postgres
from core.foundation import database, masking
from core.foundation.records import new_id
from core.foundation.settings import Mistake
from core.kinds import file_versions
from core.kinds.downloads import DownloadFile
from core.kinds.places.attendees import Attendee
from core.kinds.workshops import WorkshopDate
from core.messages import mail
from core.messages.mail import MailTrouble
from core.messages.wording import Message
from core.orders.orders import Order
from core.owner import live_mode
from core.owner.doctor import readiness
from core.owner.doctor.findings import Finding, Level
from core.shop import Shop
from core.traffic import counting

_ANSWER_SECONDS = 10
_ORDERS_WAIT = "Without it letters are not sent, and what no webhook told is never asked for."


def settings(shop: Shop) -> Iterator[Finding]:
    """What the settings and the shelves lack, now or before real money comes."""
    chosen = shop.settings
    if chosen.demo:
        yield Finding(
            "settings", Level.LATER, "The sandbox stands in for Stripe, and no money moves.",
            "Only with keys of your own can somebody pay.", "Set STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET.",
        )  # fmt: skip
        return
    with shop.reading() as session:
        goods = live_mode.demo_goods(session)
    level = Level.WRONG if chosen.livemode else Level.LATER
    now = {mistake.subject for mistake in live_mode.mistakes(chosen)}
    found = [*live_mode.lacking(chosen), *goods]
    for mistake in found:
        yield _of_mistake(mistake, Level.WRONG if mistake.subject in now else level)
    if not found:
        yield Finding("settings", Level.FINE, f"The settings are fit for {'a live' if chosen.livemode else 'any'} key.")


def _of_mistake(mistake: Mistake, level: Level) -> Finding:
    return Finding(
        "settings", level, f"{mistake.subject} {mistake.sentence}.",
        "Stripe's live mode is refused as long as this stands." if level is Level.LATER else "The shop would not start.",
        f"Change {mistake.subject} and start anew." if mistake.subject.isupper() else "Apply a catalogue of your own.",
    )  # fmt: skip


def encoding(shop: Shop) -> Iterator[Finding]:
    """Whether a database on PostgreSQL keeps every letter. SQLite does."""
    found = postgres.encoding(shop.engine)
    if found == postgres.UTF8:
        return
    yield Finding(
        "encoding", Level.WRONG, f"The database keeps texts in {found}, which lacks letters.",
        "What somebody writes with others is refused: their name, a note, what Stripe tells of them.",
        "Make one by `createdb --encoding=UTF8 --template=template0 --locale=C.UTF-8 NAME`, and restore a backup into it.",
    )  # fmt: skip


def whole(shop: Shop) -> Iterator[Finding]:
    """Whether all of a SQLite file can be read. PostgreSQL sees to its own."""
    path = Path(shop.engine.url.database or "")
    if shop.engine.dialect.name != "sqlite" or not path.is_file():
        return
    if not (found := database.damage(path)):
        yield Finding("integrity", Level.FINE, "The database can be read as a whole.")
        return
    yield Finding(
        "integrity", Level.WRONG, f"The database is damaged: {found}.",
        "What stands there is lost or wrong, and no backup can be made of it.",
        "Look after the disk, move the file away, put the newest backup back by `pushcart restore`, and run `pushcart reconcile`.",
    )  # fmt: skip


def who_sells(shop: Shop) -> Iterator[Finding]:
    """Whether buyers are told who sells to them, as the law of most countries asks of whoever takes money."""
    if shop.settings.demo:
        return
    with shop.reading() as session:
        missing = seller.of(products.texts(session), shop.settings).missing
    if not missing:
        yield Finding("seller", Level.FINE, "The shop says who sells, and under which terms.")
        return
    yield Finding(
        "seller", Level.WRONG if shop.settings.livemode else Level.LATER,
        f"The shop does not say its {', '.join(missing)}.",
        "Buyers must be told with whom they make a contract; receipts and invoices lack it too.",
        "Say it under [shop] in the catalogue file, and apply it.",
    )  # fmt: skip


def trials(shop: Shop) -> Iterator[Finding]:
    """Whether trial orders hold places of dates to come, once money is real. Nothing else of them does any more."""
    if not shop.settings.livemode:
        return
    query = (
        select(Order.number, func.count())
        .join(Attendee, col(Attendee.order_id) == Order.id)
        .join(WorkshopDate, col(WorkshopDate.id) == Attendee.date_id)
        .where(col(Order.livemode).is_(False), col(Attendee.holds), col(WorkshopDate.starts_at) > shop.now())
        .group_by(Order.number)
        .order_by(Order.number)
    )
    with shop.reading() as session:
        holding = session.exec(query).all()
    if not holding:
        yield Finding("trials", Level.FINE, "No trial order holds a place.")
        return
    places = sum(count for _, count in holding)
    yield Finding(
        "trials", Level.WRONG, f"Trial orders hold {places} places: {', '.join(number for number, _ in holding)}.",
        "These can't be sold.", "`pushcart revoke ORDER --reason trial` gives back those of each.",
    )  # fmt: skip


def worker(shop: Shop) -> Iterator[Finding]:
    """Whether somebody sends letters and asks Stripe for what no webhook told."""
    for name, fine, wrong in (
        ("worker", "A worker is at work.", "No worker is at work."),
        ("sweep", "Stripe is asked regularly for what no webhook told.", "Stripe was not asked lately for what no webhook told."),
    ):  # fmt: skip
        if readiness.check(shop, name).ok:
            yield Finding(name, Level.FINE, fine)
        else:
            yield Finding(name, Level.WRONG, wrong, _ORDERS_WAIT, "Start `python -m worker` and look at what it logs.")


def address(shop: Shop) -> Iterator[Finding]:
    """Whether buyers reach this shop at its public address, over https that their browsers trust."""
    if shop.settings.demo:
        return
    url = f"{shop.settings.public_url}/api/healthz"
    trouble = _asked(url)
    if not trouble:
        yield Finding("address", Level.FINE, f"{shop.settings.public_url} answers.")
        return
    yield Finding(
        "address", Level.WRONG, f"{url} {trouble}.", "Buyers reach nothing there, and nothing leads back from Stripe's page.",
        "See that the storefront runs, that the name leads to it, and that its certificate is valid; or correct APP_URL.",
    )  # fmt: skip


def _asked(url: str) -> str:
    """What is the matter with an address, in words; empty if the shop answers there."""
    try:
        with urlopen(url, timeout=_ANSWER_SECONDS) as answer:
            said = orjson.loads(answer.read())
            return "" if said == {"status": "ok"} and answer.url == url else "is answered by something else"
    except HTTPError as error:
        with error:
            return f"was answered {error.code}"
    except (URLError, TimeoutError, OSError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            return f"has a certificate that is not trusted ({reason.verify_message})"
        return f"was not answered ({reason})"
    except ValueError:
        return "is answered by something else"


def storage(shop: Shop) -> Iterator[Finding]:
    """Whether a file can be put and found again where sold files lie, and whether those that are sold are there."""
    key, content = f"doctor/{new_id('try')}", b"written to see whether it can be"
    try:
        shop.storage.put(key, content, media_type="text/plain")
        whole = shop.storage.has(key)
        shop.storage.remove(key)
    except Exception as error:  # whatever a bucket or a disk says
        first = (getattr(error, "said", "") or str(error) or type(error).__name__).partition("\n")[0]
        whole, said = False, f": {masking.masked(first, most=200).removesuffix('.')}"
    else:
        said = ""
    if not whole:
        yield Finding(
            "storage", Level.WRONG, f"No file can be kept at STORAGE_URL{said}.", "What is sold could not be delivered.",
            "Check the folder's owner and space, or the bucket's name, region and credentials.",
        )  # fmt: skip
        return
    with shop.reading() as session:
        sold = session.exec(
            select(DownloadFile)
            .join(Product, col(DownloadFile.product_id) == Product.id)
            .where(col(DownloadFile.active), col(Product.active))
        ).all()
        older = file_versions.older_missing(session)
    gone = [file for file in sold if not shop.storage.is_whole(file.key, file.size)]
    for file in gone:
        what = "is not whole, or may not be read" if shop.storage.has(file.key) else "is gone"
        yield Finding(
            "storage", Level.WRONG, f"{file.product_id} sells {file.name}, and its file {what}.",
            "Whoever buys it gets nothing.",
            "Apply the catalogue again from where the file lies, or let the shop read it where it is kept.",
        )  # fmt: skip
    lost = [(file, each) for file, each in older if not shop.storage.is_whole(each.key, each.size)]
    for file, each in lost:
        yield Finding(
            "storage", Level.WRONG,
            f"Version {each.version or each.number} of {file.name}, which {file.product_id} sold once, is not there.",
            "Whoever buys now gets the newer one; those whose updates ended before it came get nothing.",
            f"Put it back into the storage as {each.key}.",
        )  # fmt: skip
    if not gone and not lost:
        yield Finding("storage", Level.FINE, "Files can be kept, and all that are sold are there.")


def redis(shop: Shop) -> Iterator[Finding]:
    """Whether Redis counts who comes, where it is to."""
    if not shop.settings.redis_url:
        return
    if not (trouble := counting.redis_trouble(shop)):
        yield Finding("redis", Level.FINE, "Redis counts who comes.")
        return
    yield Finding(
        "redis", Level.WRONG, f"Redis does not count who comes: {trouble}",
        "The database does in its place, and whoever buys may wait half a second for that.",
        "Check REDIS_URL, and that Redis may be written to.",
    )  # fmt: skip


def letters(shop: Shop, *, to: str = "") -> Iterator[Finding]:
    """Whether the mail server takes letters of ours; with an address, by sending one there."""
    try:
        if to:
            letter = Message(to, f"A test letter from {shop.settings.shop_name}", _WORDS, f"<p>{_WORDS}</p>")
            mail.send(shop.settings, letter, letter_id=new_id("test"), before_data=lambda: None)
        else:
            mail.greet(shop.settings)
    except MailTrouble as error:
        yield Finding(
            "mail", Level.WRONG, f"The mail server does not take letters: {error}.",
            "Buyers get neither receipts nor sign-in codes.", "Check SMTP_URL and MAIL_FROM with your mail provider.",
        )  # fmt: skip
        return
    yield Finding("mail", Level.FINE, f"A test letter went to {to}." if to else "The mail server lets the shop in.")


_WORDS = "If you can read this, letters of your shop arrive."
