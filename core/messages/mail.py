"""Handing mail to the team's mail server: SMTP with or without TLS, and which of its refusals are final."""

import smtplib
import ssl
from collections.abc import Callable
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate
from functools import cache
from hashlib import sha256
from typing import Any
from urllib.parse import unquote, urlsplit

from core.foundation.addresses import in_ascii
from core.foundation.settings import Settings
from core.messages.wording import Message

# For each of the server's answers. From `before_data` on there are two, which is less than a letter is claimed for: nobody
# else starts on it meanwhile.
_TIMEOUT = 20


# What goes wrong between us and a mail server, rather than with the letter itself.
MailTrouble = (OSError, smtplib.SMTPException)


class MailServerDown(OSError):
    """The mail server takes no letters at all now, whoever they are for: it cannot be reached, or does not take us in."""


class NoMailServer(MailServerDown):
    """SMTP_URL is not set, so letters wait until it is."""


def send(
    settings: Settings, message: Message, *, letter_id: str, before_data: Callable[[], None], patience: float = _TIMEOUT
) -> int:
    """Hand the letter over; returns how many of its recipients the server would not have, while it took it for others.

    Raises smtplib.SMTPException or OSError; MailServerDown when the recipient is not the reason.

    `before_data` is called when the server has agreed to the recipient, and stops the letter by raising. So many seconds of
    `patience` the server has for agreeing: it may look for the recipient's own server meanwhile, which may be gone.
    """
    if not settings.mail_url:
        raise NoMailServer("set SMTP_URL, such as smtps://user:password@mail.example.com")
    with _open(settings) as server:
        hand_over = server.data

        def data(msg: Any) -> tuple[int, bytes]:
            before_data()
            return hand_over(msg)

        ask = server.rcpt

        def rcpt(recip: str, options: Any = ()) -> Any:
            _wait(server, patience)
            agreed = ask(recip, options)
            _wait(server, _TIMEOUT)
            return agreed

        server.data, server.rcpt = data, rcpt  # type: ignore[method-assign]
        try:
            refused = server.send_message(
                _compose(settings, message, letter_id), from_addr=in_ascii(settings.sender.address),
                to_addrs=[in_ascii(each) for each in message.recipients],
            )  # fmt: skip
        except smtplib.SMTPSenderRefused as error:
            raise MailServerDown(f"{type(error).__name__}: {error}") from error
    return len(refused)


def greet(settings: Settings) -> None:
    """See whether the mail server lets us in; no letter is sent. Raises MailServerDown."""
    if not settings.mail_url:
        raise NoMailServer("set SMTP_URL, such as smtps://user:password@mail.example.com")
    with _open(settings) as server:
        server.noop()


def reference(letter_id: str) -> str:
    """What a letter is called in its Message-ID."""
    return sha256(letter_id.encode()).hexdigest()[:32]


def is_final(error: Exception) -> bool:
    """Whether trying again is pointless: the server knows this recipient or letter and says no (SMTP 5xx), or it knows no
    addresses of other alphabets than ours."""
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return True
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 500


def _wait(server: smtplib.SMTP, seconds: float) -> None:
    if server.sock:
        server.sock.settimeout(seconds)


def _open(settings: Settings) -> smtplib.SMTP:
    """A server that is ready to hear whom the letter is for. Raises MailServerDown."""
    url = urlsplit(settings.mail_url)
    server = None
    try:
        server = _connect(url.scheme, url.hostname or "localhost", url.port)
        server.ehlo_or_helo_if_needed()
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
    except MailTrouble as error:
        if server:
            server.close()
        raise MailServerDown(f"{type(error).__name__}: {error}") from error
    return server


def _connect(scheme: str, host: str, port: int | None) -> smtplib.SMTP:
    """`smtps://` is TLS from the start, `smtp+tls://` upgrades and insists, `smtp://` is plain."""
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=_TIMEOUT, context=_trusted())
    server = smtplib.SMTP(host, port or (587 if scheme == "smtp+tls" else 25), timeout=_TIMEOUT)
    if scheme == "smtp+tls":
        try:
            server.starttls(context=_trusted())
        except MailTrouble:
            server.close()
            raise
    return server


@cache
def _trusted() -> ssl.SSLContext:
    """Whom TLS believes. To read all of the machine's certificates takes longer than to hand over a letter."""
    return ssl.create_default_context()


def _compose(settings: Settings, message: Message, letter_id: str) -> EmailMessage:
    composed = EmailMessage()
    sender = settings.sender
    composed["From"] = Address(_in_one_line(sender.name), addr_spec=in_ascii(sender.address))
    composed["To"] = ", ".join(in_ascii(each) for each in message.recipients)
    composed["Reply-To"] = in_ascii(settings.support_email)
    composed["Subject"] = _in_one_line(message.subject)
    composed["Date"] = formatdate()
    # The same letter has the same id: should it ever go out twice, mail programs show it once.
    host = in_ascii(sender.address).rpartition("@")[2]
    composed["Message-ID"] = f"<{reference(letter_id)}@{host}>"
    composed["Auto-Submitted"] = "auto-generated"
    if message.unsubscribe:
        composed["List-Unsubscribe"] = f"<{message.unsubscribe}>"
        composed["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    composed.set_content(message.text)
    composed.add_alternative(message.html, subtype="html")
    for file in message.calendar:
        composed.add_attachment(file, subtype="calendar", filename="workshop.ics", params={"method": message.method})
    return composed


def _in_one_line(text: str) -> str:
    """What people typed may stand in it, and a line's end with that: no letter goes whose header has one."""
    return " ".join(text.split())
