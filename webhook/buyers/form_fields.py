"""What a form of plain HTML says that buys one product."""

from typing import Annotated, Literal
from urllib.parse import parse_qsl

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

# Fields that a form may have several of: each clause that is agreed to or shown, and each price that is.
SEVERAL = {"consents": "consent", "shown": "shown"}


class Form(BaseModel):
    """One product. `consents` are the versions of the clauses that were ticked or shown. `again` is for who was told that they
    have it already, or that its money is on its way. `then` is where to go on, if it is only put in the cart. `code` is a promotion
    code to take off."""

    model_config = ConfigDict(extra="forbid")

    product: Annotated[str, Field(max_length=80, pattern=r"^[a-z0-9-]+$")]
    price: Annotated[str, Field(max_length=80, pattern=r"^[a-z0-9-]+$")]
    quantity: Annotated[int, Field(ge=1, le=9999), BeforeValidator(lambda text: text or 1)] = 1
    date: Annotated[str, Field(max_length=161, pattern=r"^([a-z0-9-]+/[a-z0-9-]+)?$")] = ""
    again: bool = False
    then: Literal["", "cart"] = ""
    # What its buyer says that they pay, in major units, and what each price was shown as, `PRICE:AMOUNT` in minor units.
    amount: Annotated[str, Field(max_length=20)] = ""
    shown: Annotated[
        tuple[Annotated[str, Field(max_length=100, pattern=r"^[a-z0-9-]+:[0-9]{1,12}$")], ...], Field(max_length=20)
    ] = ()
    # Where what costs nothing goes.
    email: Annotated[str, Field(max_length=1000)] = ""
    # Whatever was typed, so that it can be mended: no name of a code but its own finds one.
    code: Annotated[str, Field(max_length=100, pattern=r"^[^\x00-\x1f]*$"), BeforeValidator(str.strip)] = ""
    consents: Annotated[tuple[Annotated[str, Field(max_length=64)], ...], Field(max_length=8)] = ()
    # What nobody sees and machines fill in.
    website: Annotated[str, Field(max_length=0)] = ""


def read(body: bytes) -> Form | None:
    """The form in the body of a request, or None for what no form of ours sends."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=40)
        several = {field: [value for name, value in pairs if name == said] for field, said in SEVERAL.items()}
        return Form.model_validate({name: value for name, value in pairs if name not in SEVERAL.values()} | several)
    except (ValidationError, ValueError):
        return None
