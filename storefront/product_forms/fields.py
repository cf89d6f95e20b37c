"""The fields of a product: what an owner types, as the entry of a catalogue file says it."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.catalog import tax
from core.catalog.catalog_file import MOST
from core.catalog.license_terms import MOST_MACHINES
from core.catalog.products import Changed, Kind
from storefront import words
from storefront.unsaved import KEPT

Entry = dict[str, Any]

KINDS = {
    Kind.DOWNLOAD: "Download: files",
    Kind.LICENSE: "Licence: a key, and files with it",
    Kind.PLAN: "Plan: billed monthly or yearly, with seats",
    Kind.WORKSHOP: "Workshop: places on dates",
}
_ICON = "check"


def seen(product_id: str) -> str:
    """Under which name it is remembered when a product had changed last, as its fields show it."""
    return f"seen-{product_id}"


def go_on_from(product_id: str, changed: Changed) -> None:
    """Let what was typed be kept also after this change of one's own, unless somebody else had changed the product before."""
    if st.session_state.get(seen(product_id)) == changed.before:
        st.session_state[seen(product_id)] = changed.after


def draw(entry: Mapping[str, Any], key: str) -> Entry:
    """The fields, filled with what the entry says; what stands in them now. `key` is another one for fields that begin anew."""
    return draw_first(entry, key) | draw_more(entry, key)


def draw_first(entry: Mapping[str, Any], key: str) -> Entry:
    """Those that every product is described by."""
    said: Entry = {}
    said["name"] = st.text_input("Name", entry.get("name", ""), key=f"name-{key}", max_chars=250, persist_state=KEPT)
    said["summary"] = st.text_input(
        "In one sentence", entry.get("summary", ""), key=f"summary-{key}", persist_state=KEPT
    )
    said["description"] = st.text_area(
        "What it is", entry.get("description", ""), key=f"description-{key}", height=180,
        help="Markdown: a blank line begins a paragraph, **two stars** make bold.", persist_state=KEPT,
    )  # fmt: skip
    return said


def draw_more(entry: Mapping[str, Any], key: str) -> Entry:
    """Those that can be left as they are: what else its page says, and what goes for its kind."""
    kind = Kind(entry["kind"])
    said: Entry = {}
    left, right = st.columns(2)
    said["facts"] = left.text_input(
        "Facts", entry.get("facts", ""), key=f"facts-{key}", placeholder="PDF, 38 pages", persist_state=KEPT
    )
    said["group"] = right.text_input(
        "Shelf",
        entry.get("group", ""),
        key=f"group-{key}",
        placeholder="Downloads",
        help="Buyers can look at one shelf of the shop alone: products with the same word here stand on it.",
        persist_state=KEPT,
    )
    gets, faq = entry.get("gets", []), entry.get("faq", [])
    text = st.text_area(
        "What one gets", _lines(gets), key=f"gets-{key}", height=120,
        help="A line for each thing. An icon of Material Symbols may stand in front: `menu_book | 38 pages`.", persist_state=KEPT,
    )  # fmt: skip
    # A file may say what these lines cannot: as long as nobody changes them, it stays.
    said["gets"] = gets if text == _lines(gets) else _pairs_of_lines(text)
    text = st.text_area(
        "Questions and answers", _blocks(faq), key=f"faq-{key}", height=120,
        help="The question on one line, the answer below it, and a blank line before the next.", persist_state=KEPT,
    )  # fmt: skip
    said["faq"] = faq if text == _blocks(faq) else _pairs_of_blocks(text)
    left, right = st.columns(2)
    said["call_to_action"] = left.text_input(
        "Words of its link",
        entry.get("call_to_action", ""),
        key=f"link-{key}",
        placeholder="See more",
        persist_state=KEPT,
    )
    said["image_alt"] = right.text_input(
        "The cover in words",
        entry.get("image_alt", ""),
        key=f"alt-{key}",
        placeholder="For those who can't see it",
        persist_state=KEPT,
    )
    return said | _draw_terms(kind, entry, key)


def _draw_terms(kind: Kind, entry: Mapping[str, Any], key: str) -> Entry:
    """What a kind needs to know, and what becomes of it after a refund."""
    left, right = st.columns(2)
    most = f"Most {words.unit(kind)[1]} in one order"
    said: Entry = {
        "max_quantity": int(
            left.number_input(most, 1, 999, entry.get("max_quantity", 1), key=f"most-{key}", persist_state=KEPT)
        )
    }
    match kind:
        case Kind.LICENSE:
            license = dict(entry.get("license", {}))
            machines = int(license.get("machines", 1))
            machines = int(
                right.number_input(
                    "Computers for each key", 1, MOST_MACHINES, machines, key=f"machines-{key}", persist_state=KEPT
                )
            )
            # How long a key is good for, its prefix and the like have no field here, and stay as the file says them.
            said["license"] = {**license, "machines": machines} if machines > 1 or license else {}
        case Kind.DOWNLOAD:
            limit = int(entry.get("download", {}).get("downloads", 0))
            limit = int(
                right.number_input(
                    "Downloads of each file, 0 for any", 0, MOST, limit, key=f"limit-{key}", persist_state=KEPT
                )
            )
            said["download"] = {"downloads": limit} if limit else {}
            parts = left.text_input(
                "Parts of a bundle",
                ", ".join(entry.get("parts", [])),
                key=f"parts-{key}",
                placeholder="guide, kit",
                help="The addresses of two or more downloads or licences that are sold together, in place of files.",
                persist_state=KEPT,
            )
            if parts.strip() or entry.get("parts"):
                said["parts"] = [each.strip() for each in parts.split(",") if each.strip()]
        case Kind.PLAN:
            plan = entry.get("plan", {})
            days = int(
                right.number_input(
                    "Days to try it", 0, 730, int(plan.get("trial_days", 0)), key=f"trial-{key}", persist_state=KEPT
                )
            )
            code = right.text_input(
                "Introductory code", plan.get("introductory_code", ""), key=f"introductory-{key}",
                help="One of your promotion codes. What a plan costs with it is shown before it is bought.", persist_state=KEPT,
            ).strip()  # fmt: skip
            plan = {**plan, "trial_days": days} if days or "trial_days" in plan else plan
            without = {name: each for name, each in plan.items() if name != "introductory_code"}
            said["plan"] = {**without, "introductory_code": code} if code else without
        case Kind.WORKSHOP:
            said["workshop"] = _draw_cancelling(entry.get("workshop", {}), right, key)
    said["tax_code"] = _draw_tax_code(entry.get("tax_code", ""), kind, key)
    keeps = st.checkbox(
        "Buyers keep it after a full refund", entry.get("on_refund") == "keep", key=f"keeps-{key}", persist_state=KEPT
    )
    return said | {"on_refund": "keep" if keeps else "revoke"}


def _draw_tax_code(chosen: str, kind: Kind, key: str) -> str:
    """What it is to the tax office: what its kind is, one of those that have a name, or a code of Stripe's."""
    choices = ["", *tax.CODES, *([chosen] if chosen not in ("", *tax.CODES) else [])]
    usual = tax.name_of(kind).replace("_", " ")
    found = st.selectbox(
        "Taxed as", choices, choices.index(chosen), key=f"tax-{key}", accept_new_options=True,
        format_func=lambda each: each.replace("_", " ") if each else f"what its kind is: {usual}",
        help="Counts where Stripe reckons tax for the shop. A code of Stripe's, such as txcd_10401100, can be typed as well.",
        persist_state=KEPT,
    )  # fmt: skip
    return (found or "").strip()


def _draw_cancelling(entry: Mapping[str, Any], where: Any, key: str) -> Entry:
    """Until when buyers may give a place up by themselves, and how much of its price goes back then."""
    hours = where.number_input(
        "Hours ahead until which buyers may cancel, empty for never", 0, 8760, entry.get("cancel_until"),
        key=f"cancel-until-{key}", persist_state=KEPT,
    )  # fmt: skip
    refund = {"full": 100, "none": 0}.get(entry.get("refund", "full"), entry.get("refund", 100))
    percent = int(
        where.number_input(
            "Per cent that go back then", 0, 100, int(refund), key=f"cancel-refund-{key}", persist_state=KEPT
        )
    )
    if hours is None:
        return {}
    return {"cancel_until": int(hours), "refund": {100: "full", 0: "none"}.get(percent, percent)}


def _lines(pairs: list[list[str]]) -> str:
    return "\n".join(text if icon == _ICON and "|" not in text else f"{icon} | {text}" for icon, text in pairs)


def _pairs_of_lines(text: str) -> list[list[str]]:
    found = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        icon, mark, rest = line.partition("|")
        found.append([icon.strip() or _ICON, rest.strip()] if mark else [_ICON, line])
    return found


def _blocks(pairs: list[list[str]]) -> str:
    # Without the paragraphs of an answer, which would be taken for the next question.
    return "\n\n".join(f"{question}\n{' '.join(answer.split())}" for question, answer in pairs)


def _pairs_of_blocks(text: str) -> list[list[str]]:
    """Questions with their answers. One that has no answer yet is left out."""
    blocks = [block.strip().partition("\n") for block in text.replace("\r", "").split("\n\n")]
    return [[question.strip(), " ".join(answer.split())] for question, _, answer in blocks if answer.strip()]
