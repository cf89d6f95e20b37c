"""A mail server on loopback that keeps what it takes, and refuses when it is told to."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession

from tests.machine import free_port


class Postbox:
    """`letters` are what it took. `answers[address]` are its next replies to letters for that address; for
    one in `undecided` it takes in the letter, counts it there, and does not answer. When it hears of a recipient in
    `silent`, it says nothing for as long as they stand there, and what stands in `meanwhile` is done once before it agrees to
    one. `of_old` is one that knows ASCII alone."""

    def __init__(self, *, of_old: bool = False) -> None:
        self._of_old = of_old
        self.port = free_port()
        self.letters: list[EmailMessage] = []
        self.answers: dict[str, list[str]] = {}
        self.undecided: dict[str, int] = {}
        self.silent: set[str] = set()
        self.meanwhile: list[Callable[[], object]] = []
        self.asked_for: list[str] = []
        self.senders: list[str] = []
        self._controller: Controller | None = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def open(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, enable_SMTPUTF8=not self._of_old)
        self._controller.start()

    def close(self) -> None:
        if self._controller:
            self._controller.stop()
        self._controller = None

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Nothing listens meanwhile."""
        self.close()
        try:
            yield
        finally:
            self.open()

    def to(self, address: str) -> list[EmailMessage]:
        """What was taken for this address, in the order it came."""
        return [letter for letter in self.letters if letter["To"] == address]

    async def handle_RCPT(
        self, _server: SMTP, _session: SmtpSession, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.asked_for.append(address)
        while address in self.silent:
            await asyncio.sleep(0.05)
        while self.meanwhile:
            self.meanwhile.pop()()
        if replies := self.answers.get(address):
            return replies.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: SmtpSession, envelope: Envelope) -> str:
        content: Any = envelope.content
        letter = message_from_bytes(content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.senders.append(str(envelope.mail_from))
        if letter["To"] in self.undecided:
            self.undecided[letter["To"]] += 1
            await asyncio.sleep(60)
        self.letters.append(letter)
        return "250 OK"


@contextmanager
def mail_server(*, of_old: bool = False) -> Iterator[Postbox]:
    """A postbox that is open."""
    made = Postbox(of_old=of_old)
    made.open()
    try:
        yield made
    finally:
        made.close()


def text_of(letter: EmailMessage) -> str:
    return _form(letter, "plain")


def html_of(letter: EmailMessage) -> str:
    return _form(letter, "html")


def _form(letter: EmailMessage, form: str) -> str:
    part = letter.get_body((form,))
    assert part is not None
    return str(part.get_content())
