"""The mailbox: takes every letter, for whomever it is, and shows it instead of sending it on."""

from __future__ import annotations

import asyncio
import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from fastapi import Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from sandbox.ground import ids
from sandbox.pages import flash_messages, rendering
from sandbox.panel import action_messages

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

KIND = "mail"
PAGE = 50
LARGEST = 32 * 1024 * 1024
REFUSED = "451 4.3.0 Mailbox temporarily unavailable (armed fault)"
# A letter's own scripts stay off, and nothing it refers to is fetched but pictures of the shop: its logo heads them all.
LETTER_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: {shop}; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)

# What was sent to somebody is shown or kept as it is, and never run.
HARMLESS = {"Content-Security-Policy": "default-src 'none'; sandbox", "X-Content-Type-Options": "nosniff"}


class Mailbox:
    """An SMTP server and the pages under /inbox."""

    def __init__(self, account: Account) -> None:
        self.account = account

    async def open(self) -> asyncio.Server:
        """Listen for letters."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(self._protocol, "127.0.0.1", self.account.settings.smtp_port)

    def _protocol(self) -> SMTP:
        return SMTP(
            self,
            hostname="sandbox",
            data_size_limit=LARGEST,
            enable_SMTPUTF8=True,
            auth_require_tls=False,
            authenticator=lambda *_: AuthResult(success=True),
        )

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """A letter has arrived: kept, or refused while that fault is armed."""
        if self.account.faults.use_up("smtp_refuse_next"):
            return REFUSED
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        letter = _read(raw, envelope, self.account.clock.real())
        self.account.store.notes(letter["id"])["raw"] = raw.decode("latin-1")
        self.account.store.save(letter)
        self.account.store.commit()
        return "250 2.0.0 Kept"

    def letters(self) -> list[Object]:
        """Every letter, newest last."""
        return list(self.account.store.all(KIND))[::-1]

    async def show(self, request: Request) -> Response:
        """GET /inbox and /inbox/{id}: the list, and one letter, which is read from now on. `?q=` searches."""
        q, id = request.query_params.get("q", "").strip(), request.path_params.get("id")
        found = [letter for letter in self.account.store.all(KIND) if _holds(letter, q)]
        letter = self.account.store.get(KIND, id) if id else next(iter(found), None)
        if id and letter is None:
            text = "It may have been cleared away."
            link = ("/inbox", "All letters")
            return rendering.render("closed", status=404, title="No such letter", text=text, link=link)
        if letter:
            self._mark_read(letter)
        number, own = rendering.count(request, "n", PAGE), f"/inbox/{letter['id']}" if letter else "/inbox"
        return rendering.framed(
            self.account,
            request,
            "inbox",
            letters=[{**each, "unread": not self._notes(each).get("seen")} for each in found[:number]],
            total=self.account.store.count(KIND),
            letter=letter,
            source=self._raw(letter).decode(errors="replace") if letter else "",
            q=q,
            number=number,
            more=f"{own}?{urlencode({'q': q, 'n': number + PAGE})}" if len(found) > number else None,
            # The page follows changes as the page of this letter: another one must not take its place meanwhile.
            own=f"{own}?{urlencode({'q': q, 'n': number})}",
        )

    def _notes(self, letter: Object) -> Object:
        return self.account.store.notes(letter["id"])

    def _mark_read(self, letter: Object) -> None:
        if not self._notes(letter).get("seen"):
            self._notes(letter)["seen"] = True
            self.account.store.save(letter)
            self.account.store.commit()

    async def as_json(self, request: Request) -> Response:
        """GET /inbox.json"""
        return JSONResponse([_shown(letter) for letter in self.letters()])

    async def html(self, request: Request) -> Response:
        """GET /inbox/{id}/html: the letter's HTML by itself, for the frame it is shown in."""
        letter = self.account.store.get(KIND, request.path_params["id"])
        if letter is None:
            return Response(status_code=404)
        # Links open beside the mailbox, not inside the frame.
        page = f'<!doctype html><base target="_blank">{letter["html"] or ""}'
        shop = urlsplit(self.account.settings.shop_url)
        policy = LETTER_POLICY.format(shop=f"{shop.scheme}://{shop.netloc}")
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    async def source(self, request: Request) -> Response:
        """GET /inbox/{id}/source: the letter as it came, headers and all."""
        letter = self.account.store.get(KIND, request.path_params["id"])
        if letter is None:
            return Response(status_code=404)
        return Response(self._raw(letter), media_type="text/plain; charset=utf-8", headers=HARMLESS)

    async def attachment(self, request: Request) -> Response:
        """GET /inbox/{id}/attachments/{number}: one of its files, to be kept and not shown."""
        letter, number = self.account.store.get(KIND, request.path_params["id"]), request.path_params["number"]
        parts = list(_parsed(self._raw(letter)).iter_attachments()) if letter else []
        if number >= len(parts):
            return Response(status_code=404)
        part, name = parts[number], quote(parts[number].get_filename() or "unnamed")
        headers = {**HARMLESS, "Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        return Response(part.get_payload(decode=True) or b"", media_type=part.get_content_type(), headers=headers)

    async def delete(self, request: Request) -> Response:
        """DELETE /inbox/{id}, or POST /inbox/{id}/delete from the page."""
        self.account.store.delete(KIND, request.path_params["id"])
        self.account.store.commit()
        if request.method == "DELETE":
            return Response(status_code=204)
        return flash_messages.redirect(request, "/inbox", "Deleted the letter.")

    async def clear(self, request: Request) -> Response:
        """DELETE /inbox, or POST /inbox/clear from the page."""
        there = self.account.store.count(KIND)
        self.account.store.clear(KIND)
        if request.method == "DELETE":
            return Response(status_code=204)
        return flash_messages.redirect(request, "/inbox", f"Deleted {action_messages.counted(there, 'letter')}.")

    def _raw(self, letter: Object) -> bytes:
        text: str = self._notes(letter).get("raw", "")
        return text.encode("latin-1")


def _holds(letter: Object, q: str) -> bool:
    return any(q.lower() in (letter[key] or "").lower() for key in ("subject", "to", "from", "text", "html"))


def _parsed(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def _read(raw: bytes, envelope: Envelope, at: float) -> Object:
    message = _parsed(raw)
    return {
        "object": KIND,
        "id": ids.short("mail"),
        "to": ", ".join(envelope.rcpt_tos),
        "from": str(message.get("from", envelope.mail_from or "")),
        "subject": str(message.get("subject", "")),
        "text": _body(message, "plain"),
        "html": _body(message, "html"),
        "attachments": [_attachment(part) for part in message.iter_attachments()],
        "headers": {name: str(value) for name, value in message.items()},
        "at": at,
    }


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    return str(part.get_content()) if part else None


def _attachment(part: Any) -> Object:
    payload = part.get_payload(decode=True) or b""
    return {"name": part.get_filename() or "unnamed", "type": part.get_content_type(), "size": len(payload)}


def _shown(letter: Object) -> Object:
    shown = {**letter, "at": datetime.fromtimestamp(letter["at"], UTC).isoformat()}
    del shown["object"]
    return shown
