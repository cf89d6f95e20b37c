"""The demo's waiting people: on the lists as anybody is, with the letters that say so."""

from dataclasses import replace

from pydantic import SecretStr

from core.attendance import demo_waiting
from core.correspondence import drafts
from core.foundation.settings import SANDBOX_KEY
from core.kinds.places.waiting_list import WaitingEntry
from core.owner import publishing
from core.shop import Shop
from tests import builders


@builders.on_sqlite
def test_they_wait_once_and_each_is_owed_the_letter_that_says_so(bare_shop: Shop) -> None:
    demo = replace(
        bare_shop, settings=bare_shop.settings.model_copy(update={"stripe_secret_key": SecretStr(SANDBOX_KEY)})
    )
    publishing.fill_demo(demo)
    assert builders.jobs(demo) == []
    made = demo_waiting.let_wait(demo)
    entries = builders.rows(demo, WaitingEntry)
    assert made == len(entries) >= 4
    letters = [drafts.write(demo, draft) for job in builders.jobs(demo) if (draft := drafts.of_id(job))]
    assert sorted(letter.to for letter in letters if letter) == sorted(entry.email for entry in entries)
    assert all("waiting list" in letter.subject.lower() for letter in letters if letter)
    assert demo_waiting.let_wait(demo) == 0


@builders.on_sqlite
def test_nobody_waits_in_a_shop_that_is_no_demo(shop: Shop) -> None:
    own = replace(shop, settings=shop.settings.model_copy(update={"stripe_secret_key": SecretStr("sk_test_ours")}))
    assert demo_waiting.let_wait(own) == 0
    assert builders.rows(own, WaitingEntry) == []
