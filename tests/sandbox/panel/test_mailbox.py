from __future__ import annotations

import html
import re
import smtplib
from email.message import EmailMessage

import pytest

from tests.sandbox.running import World


def send(world: World, subject: str = "Your order", page: str = "") -> None:
    letter = EmailMessage()
    letter["To"], letter["From"], letter["Subject"] = "nora@example.com", "shop@example.com", subject
    letter.set_content("Danke schön\n")
    if page:
        letter.add_alternative(page, subtype="html")
        letter.add_attachment("BEGIN:VCALENDAR", subtype="calendar", filename="place.ics")
    with smtplib.SMTP("127.0.0.1", world.settings.smtp_port, timeout=30) as server:
        server.send_message(letter)


def test_letters_are_kept_newest_last(world: World) -> None:
    send(world, "Prüfung")
    send(world, "Zweite", "<p>Danke <b>schön</b></p>")
    first, second = world.http.get("/inbox.json").json()
    assert (first["to"], first["subject"], first["text"].strip(), first["html"]) == (
        "nora@example.com",
        "Prüfung",
        "Danke schön",
        None,
    )
    assert (second["subject"], second["html"].strip()) == ("Zweite", "<p>Danke <b>schön</b></p>")
    assert [(a["name"], a["type"]) for a in second["attachments"]] == [("place.ics", "text/calendar")]
    assert first["at"] < second["at"]
    assert first["id"] != second["id"]


def test_a_letter_is_shown_with_its_own_page_locked_in(world: World) -> None:
    send(world, "<script>alert(1)</script>", "<script>alert(2)</script><p>Hello</p>")
    letter = world.http.get("/inbox.json").json()[0]
    page = world.http.get(f"/inbox/{letter['id']}").text
    assert "<script>alert" not in page
    assert "place.ics" in page
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    framed = world.http.get(f"/inbox/{letter['id']}/html")
    assert "default-src 'none'" in framed.headers["Content-Security-Policy"]
    assert "allow-scripts" not in framed.headers["Content-Security-Policy"]
    assert "img-src data: http://localhost:8501;" in framed.headers["Content-Security-Policy"], "the logo of the shop"
    assert "<p>Hello</p>" in framed.text


def test_an_empty_mailbox_says_what_would_fill_it(world: World) -> None:
    assert "No letters yet." in world.http.get("/inbox").text
    assert world.http.get("/inbox/mail_x").status_code == 404


def test_the_mailbox_can_be_cleared(world: World) -> None:
    for clear in (lambda: world.http.delete("/inbox"), lambda: world.http.post("/inbox/clear")):
        send(world)
        assert clear().status_code in (204, 303)
        assert world.http.get("/inbox.json").json() == []


def test_the_mailbox_can_refuse_for_now(world: World) -> None:
    world.faults(smtp_refuse_next=1)
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(world)
    assert refused.value.smtp_code == 451
    send(world)
    assert len(world.http.get("/inbox.json").json()) == 1


def test_a_letter_can_be_had_as_it_came_with_its_attachments(world: World) -> None:
    send(world, "Prüfung", "<p>Danke</p>")
    letter = world.http.get("/inbox.json").json()[0]["id"]
    source = world.http.get(f"/inbox/{letter}/source")
    assert source.headers["content-type"].startswith("text/plain")
    assert "Subject: =?utf-8?" in source.text
    attached = world.http.get(f"/inbox/{letter}/attachments/0")
    assert (attached.text.strip(), attached.headers["content-type"]) == (
        "BEGIN:VCALENDAR",
        "text/calendar; charset=utf-8",
    )
    assert attached.headers["content-disposition"] == "attachment; filename*=UTF-8''place.ics"
    for missing in (f"/inbox/{letter}/attachments/1", "/inbox/mail_x/source", "/inbox/mail_x/attachments/0"):
        assert world.http.get(missing).status_code == 404


def test_a_letter_in_another_encoding_is_kept_byte_for_byte(world: World) -> None:
    raw = b"Subject: hi\r\nContent-Type: text/plain; charset=latin-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nsch\xf6n\r\n"
    with smtplib.SMTP("127.0.0.1", world.settings.smtp_port, timeout=30) as server:
        server.sendmail("shop@example.com", ["nora@example.com"], raw)
    [letter] = world.http.get("/inbox.json").json()
    assert letter["text"].strip() == "schön"
    assert raw in world.http.get(f"/inbox/{letter['id']}/source").content
    assert world.http.get(f"/inbox/{letter['id']}").status_code == 200


def test_letters_are_found_by_their_words(world: World) -> None:
    send(world, "Your receipt")
    send(world, "Your code")
    page = world.http.get("/inbox", params={"q": "RECEIPT"}).text
    assert "Your receipt" in page
    assert "Your code" not in page
    assert "No letter matches" in world.http.get("/inbox", params={"q": "xyz"}).text


def test_a_letter_is_unread_until_it_was_looked_at(world: World) -> None:
    send(world, "First")
    send(world, "Second")
    first, second = (letter["id"] for letter in world.http.get("/inbox.json").json())
    assert "2<span" in world.http.get("/").text
    world.http.get(f"/inbox/{first}")
    assert "1<span" in world.http.get("/").text
    world.http.get("/inbox")
    assert "unread" not in world.http.get(f"/inbox/{second}").text


def test_one_letter_can_be_deleted(world: World) -> None:
    for n in range(3):
        send(world, f"n{n}")
    one, other, _ = (letter["id"] for letter in world.http.get("/inbox.json").json())
    assert world.http.delete(f"/inbox/{one}").status_code == 204
    assert "Deleted the letter." in world.http.post(f"/inbox/{other}/delete", follow_redirects=True).text
    assert [letter["subject"] for letter in world.http.get("/inbox.json").json()] == ["n2"]


def test_more_letters_than_fit_are_shown_when_asked_for(world: World) -> None:
    for n in range(52):
        send(world, f"Letter {n}")
    page = world.http.get("/inbox").text
    assert page.count("<li>") == 50
    more = re.search(r'href="(/inbox/mail_[^"]+)" data-more', page)
    assert more
    assert world.http.get(html.unescape(more[1])).text.count("<li>") == 52
