"""Handing mail over: a connection that is to be encrypted is, or nothing is said."""

import pytest
from pydantic import SecretStr

from core.foundation.settings import Settings
from tests.worker.postbox import mail_server
from worker import mail
from worker.mail import MailServerDown, Message

LETTER = Message("nora@lindqvist.example", "Your order", "Thank you.", "<p>Thank you.</p>")


def test_without_starttls_an_upgrading_address_sends_nothing_and_no_password() -> None:
    with mail_server() as postbox:
        url = f"smtp+tls://ida:secret@127.0.0.1:{postbox.port}"
        settings = Settings(secret_key="a secret of sixteen letters", smtp_url=SecretStr(url))
        with pytest.raises(MailServerDown, match="STARTTLS"):
            mail.send(settings, LETTER, letter_id="receipt:1", before_data=lambda: None)
        assert (postbox.asked_for, postbox.letters) == ([], [])
