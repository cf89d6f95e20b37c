"""Handing letters over: what becomes of one where the mail server does not do as the settings ask."""

import pytest

from core.foundation.settings import Settings
from core.messages import mail
from core.messages.mail import MailServerDown, Message
from tests.worker.postbox import mail_server

LETTER = Message(to="nora@lindqvist.example", subject="Your order", text="It is here.", html="<p>It is here.</p>")


def test_a_letter_that_is_to_go_encrypted_goes_no_other_way() -> None:
    with mail_server() as postbox:
        settings = Settings(smtp_url=postbox.url.replace("smtp://", "smtp+tls://ida:secret@"))
        with pytest.raises(MailServerDown, match="STARTTLS"):
            mail.send(settings, LETTER, letter_id="letter_1", before_data=lambda: None)
        assert (postbox.letters, postbox.asked_for) == ([], [])


def test_a_letter_that_may_go_as_it_is_goes() -> None:
    with mail_server() as postbox:
        mail.send(Settings(smtp_url=postbox.url), LETTER, letter_id="letter_1", before_data=lambda: None)
        assert [letter["Subject"] for letter in postbox.to(LETTER.to)] == ["Your order"]
