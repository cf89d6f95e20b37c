"""Products: what is sold. Their prices are objects of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.account import lists
from sandbox.catalogue import prices
from sandbox.ground import ids, metadata
from sandbox.ground.errors import StripeError, invalid
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

COPIED = (
    "name", "active", "images", "marketing_features", "package_dimensions", "shippable", "tax_details", "url",
    "description", "statement_descriptor", "tax_code", "unit_label",
)  # fmt: skip


def create(account: Account, call: Call) -> Object:
    """POST /v1/products"""
    params = call.params
    if "id" in params and account.store.get("product", params["id"]):
        raise _exists(params["id"])
    product = make(account, params, id=params.get("id"))
    if data := params.get("default_price_data"):
        price = prices.make(account, {**data, "product": product["id"]})
        account.store.change(product, default_price=price["id"])
        account.emit("price.created", price)
    account.emit("product.created", product)
    return product


def make(account: Account, given: Object, *, id: str | None = None, active: bool = True) -> Object:
    """A new product, saved but not announced."""
    now = account.clock.now()
    values = {key: given[key] for key in COPIED if given.get(key, "") != ""}
    product = blank(
        "product",
        **{
            "active": active,
            "default_price": None,
            "tax_code": None,
            "unit_label": None,
            "statement_descriptor": None,
            **values,
            "id": id or ids.short("prod"),
            "created": now,
            "metadata": metadata.fresh(given.get("metadata")),
            "type": given.get("type", "service"),
            "updated": now,
        },
    )
    return account.store.save(product)


def update(account: Account, call: Call) -> Object:
    """POST /v1/products/{id}"""
    product = account.find("product", call.id)
    params = call.params
    changes = {key: params[key] if params[key] != "" else None for key in COPIED if key in params}
    for key in ("images", "marketing_features"):
        if key in changes:
            changes[key] = changes[key] or []
    if default := params.get("default_price"):
        changes["default_price"] = account.find("price", default, param="default_price")["id"]
    if described := params.get("tax_details"):
        changes["tax_details"] = blank("product.tax_details", **described)
    changes["metadata"] = metadata.merge(product["metadata"], params.get("metadata"))
    previous = account.store.change(product, **changes)
    if previous:
        previous |= account.store.change(product, updated=account.clock.now())
        account.emit("product.updated", product, previous)
    return product


def delete(account: Account, call: Call) -> Object:
    """DELETE /v1/products/{id}: only while it has no prices."""
    product = account.find("product", call.id)
    if account.store.having("price", "product", product["id"]):
        raise invalid("This product cannot be deleted because it has one or more user-created prices.", param="id")
    gone = account.bury(product)
    account.emit("product.deleted", product)
    return gone


def listing(account: Account, call: Call) -> Object:
    """GET /v1/products"""
    return lists.page(account, call, "product", ids=lambda product, wanted: product["id"] in wanted)


def _exists(id: str) -> StripeError:
    return invalid("Product already exists.", param="id", code="resource_already_exists")
