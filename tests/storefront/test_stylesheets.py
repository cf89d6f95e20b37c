"""The theme as browsers are told it: as Streamlit puts it together, and put together once for as long as it stays."""

from collections.abc import Iterator

import pytest
from streamlit import config
from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session

from core.catalog.looks import accent
from storefront import stylesheets

SECTIONS = {
    "theme": (), "theme.light": ("light",), "theme.dark": ("dark",), "theme.sidebar": ("sidebar",),
    "theme.light.sidebar": ("light", "sidebar"), "theme.dark.sidebar": ("dark", "sidebar"),
}  # fmt: skip
_THEIRS = app_session._populate_theme_msg


def told() -> CustomThemeConfig:
    """What a run that begins now tells."""
    theme = CustomThemeConfig()
    for section, way in SECTIONS.items():
        part = theme
        for name in way:
            part = getattr(part, name)
        app_session._populate_theme_msg(part, section)
    return theme


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The sections that Streamlit puts together, while it keeps its theme."""
    found: list[str] = []

    def counted(msg: CustomThemeConfig, section: str = "theme") -> None:
        found.append(section)
        _THEIRS(msg, section)

    names = [f"theme.{ground}.{name}" for ground in ("light", "dark") for name in ("primaryColor", "linkColor")]
    before = {name: config.get_option(name) for name in (*names, "theme.dark.sidebar.linkColor")}
    config.set_option("theme.light.primaryColor", "#B91C1C")
    config.set_option("theme.dark.sidebar.linkColor", "#FCA5A5")
    monkeypatch.setattr(app_session, "_populate_theme_msg", counted)
    monkeypatch.setattr(stylesheets._Theme, "parts", {})
    stylesheets.tell_kept_theme()
    yield found
    for name, color in before.items():
        config.set_option(name, color)


def as_streamlit_says_it() -> CustomThemeConfig:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app_session, "_populate_theme_msg", _THEIRS)
        return told()


def test_it_is_put_together_once_and_says_what_streamlit_says(asked: list[str]) -> None:
    assert told() == told() == as_streamlit_says_it()
    assert sorted(asked) == sorted(SECTIONS)
    assert told().light.primary_color == "#B91C1C"
    # What says nothing is not there, or a browser would take it for a theme.
    assert told().HasField("dark")
    assert not told().HasField("sidebar")


def test_another_accent_is_told_to_whoever_comes_next(asked: list[str]) -> None:
    told()
    assert stylesheets.bring(accent.of("#0F766E"))
    assert told() == as_streamlit_says_it()
    assert told().light.primary_color == config.get_option("theme.light.primaryColor") != "#B91C1C"
