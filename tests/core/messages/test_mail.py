"""Handing letters over: what becomes of one where the mail server does not do as the settings ask."""

import smtplib
from dataclasses import replace

import pytest

from core.foundation.settings import Settings
from core.messages import mail
from core.messages.mail import MailServerDown
from core.messages.wording import Message
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


@pytest.mark.parametrize(
    ("settings", "header", "address"),
    [
        ({"mail_from": "Smith, Jones & Co. <shop@berg.com>"}, '"Smith, Jones & Co." <shop@berg.com>', "shop@berg.com"),
        ({"mail_from": '"Smith, Jones" <shop@berg.com>'}, '"Smith, Jones" <shop@berg.com>', "shop@berg.com"),
        ({"mail_from": "shop@berg.com"}, "shop@berg.com", "shop@berg.com"),
        ({"mail_from": "Käse & Söhne <shop@käse.de>"}, "Käse & Söhne <shop@xn--kse-qla.de>", "shop@xn--kse-qla.de"),
        ({"shop_name": "A <b@c.com>, D", "support_email": "ida@berg.com"}, '"A <b@c.com>, D" <ida@berg.com>', "ida@berg.com"),
        ({"shop_name": 'The "Quiet" Shop', "support_email": "ida@berg.com"}, None, "ida@berg.com"),
    ],
)  # fmt: skip
def test_a_letter_is_from_one_sender_whatever_the_name(
    settings: dict[str, str], header: str | None, address: str
) -> None:
    with mail_server() as postbox:
        mail.send(Settings(smtp_url=postbox.url, **settings), LETTER, letter_id="1", before_data=lambda: None)
        (letter,) = postbox.to(LETTER.to)
    assert [each.addr_spec for each in letter["From"].addresses] == [address]
    assert postbox.senders == [address]
    if header:
        assert str(letter["From"]) == header
    else:
        assert letter["From"].addresses[0].display_name == settings["shop_name"]


# What ends a line, by one standard or another: a header has one.
ENDS = ("\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_what_is_typed_over_several_lines_stands_in_one_and_names_no_recipient(end: str) -> None:
    letter = replace(LETTER, subject=f"We have received SH-1001{end}Bcc: eve@berg.com{end}")
    with mail_server() as postbox:
        settings = Settings(smtp_url=postbox.url, support_email="ida@berg.com")
        branded = settings.model_copy(update={"shop_name": f"The Quiet{end}Shop"})
        mail.send(branded, letter, letter_id="1", before_data=lambda: None)
        (taken,) = postbox.to(LETTER.to)
    assert taken["Subject"] == "We have received SH-1001 Bcc: eve@berg.com"
    assert taken["From"].addresses[0].display_name == "The Quiet Shop"
    assert (taken["Bcc"], postbox.asked_for) == (None, [LETTER.to])


def test_a_domain_of_another_alphabet_is_written_to_as_mail_servers_know_it() -> None:
    with mail_server() as postbox:
        letter = replace(LETTER, to="nora@käse.de")
        mail.send(Settings(smtp_url=postbox.url), letter, letter_id="1", before_data=lambda: None)
        assert postbox.asked_for == ["nora@xn--kse-qla.de"]


def test_a_server_that_knows_no_other_alphabets_is_not_asked_again() -> None:
    letter = replace(LETTER, to="nöra@lindqvist.example")
    with mail_server(of_old=True) as postbox:
        with pytest.raises(smtplib.SMTPNotSupportedError) as refused:
            mail.send(Settings(smtp_url=postbox.url), letter, letter_id="1", before_data=lambda: None)
        assert mail.is_final(refused.value)
    with mail_server() as postbox:
        mail.send(Settings(smtp_url=postbox.url), letter, letter_id="1", before_data=lambda: None)
        assert postbox.asked_for == [letter.to]


def test_a_letter_to_several_goes_to_each_of_them() -> None:
    letter = replace(LETTER, to="ida@käse.de, ole@berg.com")
    with mail_server() as postbox:
        mail.send(Settings(smtp_url=postbox.url), letter, letter_id="1", before_data=lambda: None)
        assert postbox.asked_for == ["ida@xn--kse-qla.de", "ole@berg.com"]
        assert [taken["To"] for taken in postbox.letters] == ["ida@xn--kse-qla.de, ole@berg.com"]


def test_one_of_several_who_is_refused_keeps_it_from_no_other() -> None:
    letter = replace(LETTER, to="ida@berg.com, ole@berg.com")
    with mail_server() as postbox:
        postbox.answers["ida@berg.com"] = ["550 no such user"]
        left_out = mail.send(Settings(smtp_url=postbox.url), letter, letter_id="1", before_data=lambda: None)
        assert (len(postbox.letters), left_out) == (1, 1)
