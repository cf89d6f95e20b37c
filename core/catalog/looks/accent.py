"""The accent colour: what a seller chose, and the shades of it that can be read on what they stand on (WCAG 2, level AA)."""

import re
from dataclasses import dataclass
from functools import cache

# The pages behind it, in light and dark.
LIGHT_PAGE, DARK_PAGE = "#ffffff", "#0f1322"
# The contrast that text needs to what is behind it.
READABLE = 4.5
_STEPS = 100


@dataclass(frozen=True)
class Accent:
    """A colour as it is used, each as `#rrggbb`.

    `button` is the seller's own, and `on_button` what is written on it. `ink` is text on a light page, and as well a ground for
    white text; `ink_on_dark` is text on a dark page. `ground_on_dark` is a ground for white text there.
    """

    button: str
    on_button: str
    ink: str
    ink_on_dark: str
    ground_on_dark: str


# What a shop has that chose none.
DEFAULT = Accent("#2443c8", "#ffffff", "#2443c8", "#a9baff", "#4460e8")


def checked(text: str) -> str:
    """The colour as `#rrggbb`. Raises ValueError with a sentence for what is none."""
    found = re.fullmatch(r"#(?:([0-9a-f]{3})|([0-9a-f]{6}))", text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} is no colour: write it as six digits, such as {DEFAULT.button}")
    return f"#{found[2] or ''.join(digit * 2 for digit in found[1])}"


@cache
def of(text: str) -> Accent:
    """The accent of a checked colour, the default one without any; its shades are picked by hand, so that who chose the very same
    has them too."""
    if text in ("", DEFAULT.button):
        return DEFAULT
    return Accent(
        button=text, on_button=max("#ffffff", "#000000", key=lambda each: contrast(each, text)),
        ink=_readable(text, LIGHT_PAGE, "#000000"), ink_on_dark=_readable(text, DARK_PAGE, "#ffffff"),
        ground_on_dark=_readable(text, "#ffffff", "#000000"),
    )  # fmt: skip


def contrast(one: str, other: str) -> float:
    """How much two colours differ in brightness, from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _readable(color: str, page: str, towards: str) -> str:
    """The colour, or the nearest one on the way `towards` another that can be read on this page."""
    shades = (_mixed(color, towards, step / _STEPS) for step in range(_STEPS + 1))
    return next(shade for shade in shades if contrast(shade, page) >= READABLE)


def _mixed(one: str, other: str, share: float) -> str:
    parts = (round(a + (b - a) * share) for a, b in zip(_parts(one), _parts(other), strict=True))
    return "#" + "".join(f"{part:02x}" for part in parts)


def _parts(color: str) -> list[int]:
    return [int(color[place : place + 2], 16) for place in (1, 3, 5)]


def _luminance(color: str) -> float:
    linear = (part / 255 for part in _parts(color))
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in linear)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
