"""Unsubscribing: the link under letters that nobody needs, which ends them with one click and without signing in."""

from core.foundation import signing
from core.foundation.errors import LinkInvalid
from core.mailboxes import marks
from core.mailboxes.marks import Kind
from core.shop import Shop

# What one may be without: news of what was bought, and what is written to all who attend.
STREAMS = (Kind.NO_NEWS, Kind.NO_MESSAGES)


def link(shop: Shop, address: str, stream: Kind) -> str:
    """The link for this address. It names nobody: what stands in it is good for nothing else."""
    mailbox = marks.mailbox_of(address, signing_key=shop.signing_key)
    token = signing.sign_for_good(shop.signing_key, signing.UNSUBSCRIBE, f"{stream}.{mailbox}")
    return f"{shop.settings.public_url}/api/unsubscribe/{token}"


def stream_of(shop: Shop, token: str) -> Kind:
    """Which letters this link ends. Changes nothing. Raises LinkInvalid."""
    return _read(shop, token)[0]


def unsubscribe(shop: Shop, token: str) -> Kind:
    """End them for whom the link was made; again changes nothing. Raises LinkInvalid."""
    stream, mailbox = _read(shop, token)
    with shop.transaction() as session:
        marks.opt_out(session, mailbox, stream, now=shop.now())
    return stream


def _read(shop: Shop, token: str) -> tuple[Kind, str]:
    stream, _, mailbox = signing.read_for_good(shop.signing_key, signing.UNSUBSCRIBE, token).partition(".")
    if stream not in STREAMS:
        raise LinkInvalid()
    return Kind(stream), mailbox
