"""Covers that are drawn for products without a picture: one motif for each kind, varied by the product's name, always the same
for the same name. Their key says all that is drawn, so that they lie nowhere."""

import io
import math
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import sha256
from random import Random
from threading import Lock

from core.catalog.products import UPLOADED, Kind

_INK, _COBALT, _SUN, _RED, _LEAF, _SKY, _BONE = (
    "#161b2e", "#2443c8", "#ffc145", "#e2472f", "#16855c", "#c9dbf8", "#fff4de",
)  # fmt: skip
# Ground, motif, and what stands out from both.
_GROUNDS = (
    (_COBALT, _SUN, _BONE), (_LEAF, _BONE, _SUN), (_SUN, _INK, _BONE), (_RED, _BONE, _INK), (_SKY, _COBALT, _RED),
    (_INK, _SKY, _SUN), (_BONE, _RED, _COBALT), (_LEAF, _SUN, _INK),
)  # fmt: skip
_WIDE, _HIGH, _TRIM = 1200, 750, 66
# So many pictures differ for each kind: enough that hardly two products of a shop look alike, and few enough to be kept.
_VARIANTS = 4096
_KEY = re.compile(rf"{UPLOADED}drawn-([a-z]+)/([0-9]{{1,4}})\.png")
_DRAWING = Lock()

_Draw = Callable[[Random, tuple[str, str, str]], Iterator[str]]


def instead(image: str, name: str, kind: Kind) -> str:
    """The `image` of a product of this name, or the key of what is drawn where it has none."""
    return image or key(name, kind)


def key(name: str, kind: Kind) -> str:
    """What stands for the drawn cover of a product of this name, in place of the key of a picture."""
    return f"{UPLOADED}drawn-{kind}/{int(sha256(name.encode()).hexdigest(), 16) % _VARIANTS}.png"


def drawn(key: str) -> bytes | None:
    """The picture that this key stands for, as PNG; None for any other key."""
    found = _KEY.fullmatch(key)
    if found is None or found[1] not in set(Kind) or int(found[2]) >= _VARIANTS:
        return None
    with _DRAWING:  # one at a time: whoever asks for all of them keeps one core busy, and no more
        return _picture(Kind(found[1]), int(found[2]))


@lru_cache(maxsize=256)
def _picture(kind: Kind, variant: int) -> bytes:
    from PIL import Image  # not before there is a product without a picture
    from resvg_py import svg_to_bytes

    rendered = Image.open(
        io.BytesIO(bytes(svg_to_bytes(svg_string=svg(kind, variant), width=_WIDE, skip_system_fonts=True)))
    ).convert("RGB")
    written = io.BytesIO()
    rendered.quantize(48, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    return written.getvalue()


def svg(kind: Kind, variant: int) -> str:
    """The drawing of this kind and variant."""
    chance = Random(variant)
    colors = chance.choice(_GROUNDS)
    parts = "".join(_MOTIFS[kind](chance, colors))
    ground, motif, accent = colors
    trim = _trim(_INK if ground != _INK else motif, accent if accent != _INK else _BONE)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}" width="{_WIDE}" height="{_HIGH}">'
        f"{_rect(0, 0, _WIDE, _HIGH, ground)}{parts}{trim}</svg>"
    )


def _rays(chance: Random, colors: tuple[str, str, str]) -> Iterator[str]:
    """A sun over hills."""
    ground, motif, accent = colors
    rays, middle, horizon = chance.randrange(13, 31, 2), chance.uniform(0.25, 0.75) * _WIDE, chance.uniform(430, 540)
    turn = chance.uniform(0, math.pi / rays)
    for ray in range(0, rays + 1, 2):
        a, b = (math.pi * (1 + each / rays) + turn for each in (ray, ray + 1))
        points = [
            (middle, horizon),
            *((middle + 1700 * math.cos(each), horizon + 1700 * math.sin(each)) for each in (a, b)),
        ]
        yield _polygon(points, motif)
    size = chance.uniform(130, 240)
    yield _circle(middle, horizon, size, accent)
    yield _circle(middle, horizon, size * 0.72, ground)
    hills = [color for color in (_LEAF, _INK, _COBALT, _RED) if color != ground]
    for row in range(3):
        top, radius = horizon + row * 66, chance.choice((60, 75, 100))
        yield _rect(0, top, _WIDE, _HIGH, hills[row])
        shift = radius if row % 2 else 0
        yield from (_circle(place * 2 * radius + shift, top, radius, hills[row]) for place in range(-1, 12))


def _patches(chance: Random, colors: tuple[str, str, str]) -> Iterator[str]:
    """Patchwork of triangles, circles and quarter circles."""
    side = chance.choice((120, 150, 200))
    palette = [*colors, _INK, _BONE]
    for top in range(0, _HIGH, side):
        for left in range(0, _WIDE, side):
            under, over = chance.sample(sorted(set(palette)), 2)
            yield _rect(left, top, side + 0.6, side + 0.6, under)
            right, bottom = left + side, top + side
            yield chance.choice(
                (
                    f'<path d="M{left} {top}h{side}A{side} {side} 0 0 1 {left} {bottom}Z" fill="{over}"/>',
                    _polygon([(left, bottom), (right, top), (right, bottom)], over),
                    _circle(left + side / 2, top + side / 2, side * 0.36, over),
                    f'<path d="M{right} {bottom}h-{side}A{side} {side} 0 0 1 {right} {top}Z" fill="{over}"/>',
                )
            )


def _tallies(chance: Random, colors: tuple[str, str, str]) -> Iterator[str]:
    """Tally marks in groups of five."""
    _ground, motif, accent = colors
    counted, rows, groups = chance.randrange(4, 12), 3, 4
    for place in range(rows * groups):
        left, top = 120 + place % groups * 254, 68 + place // groups * 206
        dim = "" if place < counted else ' opacity="0.25"'
        yield f"<g{dim}>{''.join(_rect(left + bar * 46, top, 22, 150, motif) for bar in range(4))}</g>"
        if place < counted:
            yield _polygon(
                [(left - 26, top + 138), (left + 160, top - 4), (left + 186, top + 12), (left, top + 154)], accent
            )


def _rings(chance: Random, colors: tuple[str, str, str]) -> Iterator[str]:
    """An amphitheatre, seen from above."""
    ground, motif, accent = colors
    middle, stage = _WIDE / 2, _HIGH - _TRIM
    for place, radius in enumerate((600, 480, 360, 240)):
        yield _circle(middle, stage, radius, ground if place % 2 else accent)
    yield _circle(middle, stage, 140, motif)
    dots = chance.choice((4, 5, 6, 7))
    for radius, more in ((300, 0), (420, 2), (540, 4)):
        for place in range(dots + more):
            angle = math.pi * (1 + (place + 0.5) / (dots + more))
            yield _circle(middle + radius * math.cos(angle), stage + radius * math.sin(angle), 30, motif)


_MOTIFS: dict[Kind, _Draw] = {
    Kind.DOWNLOAD: _rays, Kind.LICENSE: _patches, Kind.PLAN: _tallies, Kind.WORKSHOP: _rings,
}  # fmt: skip


def _trim(under: str, over: str) -> str:
    step, top = _WIDE / 20, _HIGH - _TRIM
    teeth = (((place * step, _HIGH), ((place + 0.5) * step, top), ((place + 1) * step, _HIGH)) for place in range(20))
    return _rect(0, top, _WIDE, _TRIM, under) + "".join(_polygon(list(tooth), over) for tooth in teeth)


def _rect(left: float, top: float, wide: float, high: float, color: str) -> str:
    return f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="{color}"/>'


def _circle(x: float, y: float, radius: float, color: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{color}"/>'


def _polygon(points: list[tuple[float, float]], color: str) -> str:
    return f'<polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" fill="{color}"/>'
