"""The theme's colours, which Streamlit keeps for the whole process: brought to the seller's accent when that has changed."""

from streamlit import config

from core.catalog.accent import Accent


def bring(accent: Accent) -> bool:
    """Have every page that begins to be drawn from now on in these colours; whether others stood until now.

    Streamlit tells a browser the theme when a run begins: whoever is drawing a page runs once more.
    """
    chosen = {
        "light.primaryColor": accent.ink, "light.linkColor": accent.ink, "dark.primaryColor": accent.ground_on_dark,
        "dark.linkColor": accent.ink_on_dark,
    }  # fmt: skip
    changed = {f"theme.{name}": color.upper() for name, color in chosen.items()}
    if all(config.get_option(name) == color for name, color in changed.items()):
        return False
    for name, color in changed.items():
        config.set_option(name, color)
    return True
