"""What a click costs: few statements, and nothing that grows with what the process holds."""

import tomllib

import pytest
from streamlit import config

from storefront.pictures import STATIC
from tests import builders
from tests.core.test_statements import statements
from tests.storefront.conftest import Visitor

# The cart's size and the seller's words, then what the page itself is about.
MOST = {"shop": 5, "product": 8, "cart": 8}


@pytest.mark.parametrize("page", MOST)
@builders.on_sqlite
def test_a_page_asks_the_database_little(visitor: Visitor, page: str) -> None:
    visitor.puts("guide-eur")
    tab = visitor.opens(page, id="guide")
    with statements(visitor.shop.engine) as heard:
        tab.run()
    asked = [each for each in heard if each.lower().startswith("select")]
    assert 0 < len(asked) <= MOST[page], "\n".join(asked)
    assert not [each for each in heard if each == "COMMIT"]


def test_garbage_is_not_looked_for_after_every_click() -> None:
    chosen = tomllib.loads((STATIC.parents[1] / ".streamlit" / "config.toml").read_text())
    assert chosen["runner"]["postScriptGC"] is False
    # Streamlit does not document it, and would pass over one that it no longer knows.
    config.get_option("runner.postScriptGC")
