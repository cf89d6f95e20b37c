"""The pages of finalised invoices and of credit notes, for anybody who has the address. No PDF is drawn: they print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request, Response

from sandbox.pages import rendering

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object


class InvoicePage:
    """The pages under /invoice and /credit-note."""

    def __init__(self, account: Account) -> None:
        self.account = account

    async def show(self, request: Request) -> Response:
        """GET /invoice/{id}"""
        invoice = self.account.store.get("invoice", request.path_params["id"])
        if invoice is None or not invoice["number"]:
            return self._missing()
        return self._page(invoice, "Invoice", invoice)

    async def show_note(self, request: Request) -> Response:
        """GET /credit-note/{id}"""
        note = self.account.store.get("credit_note", request.path_params["id"])
        if note is None:
            return self._missing()
        return self._page(note, "Credit note", self.account.find("invoice", note["invoice"]))

    def _missing(self) -> Response:
        text = "The address may be incomplete."
        return rendering.render("closed", status=404, title="There is no such invoice", text=text, link=None)

    def _page(self, paper: Object, title: str, invoice: Object) -> Response:
        address = invoice["customer_address"] or {}
        town = " ".join(filter(None, [address.get("postal_code"), address.get("city")]))
        buyer = [invoice["customer_name"], address.get("line1"), address.get("line2"), town, address.get("country")]
        rates = {rate["id"]: rate for rate in self.account.store.all("tax_rate")}
        taxes = [(rates[each["tax_rate_details"]["tax_rate"]], each) for each in paper["total_taxes"] or []]
        return rendering.render(
            "invoice", title=f"{title} {paper['number']}", shop=self.account.settings.shop_name, paper=paper,
            invoice=invoice, buyer=list(filter(None, [*buyer, *(each["value"] for each in invoice["customer_tax_ids"] or [])])),
            taxes=taxes,
        )  # fmt: skip
