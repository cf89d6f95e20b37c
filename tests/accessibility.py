"""Accessibility: what axe finds wrong with a page as it stands in a browser, and when a page has come to rest."""

from collections.abc import Sequence
from contextlib import suppress

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, TimeoutError

_AXE = Axe().axe_script
# The rules that ask what a page looks like: in other colours, or at another width, they may find something else.
OF_LOOKS = ("color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size")

# Streamlit's own menu puts an element between its list and the entries: nothing of ours can change that, and browsers tell
# screen readers of the list all the same. Whatever else is wrong in it is found by the other rules.
# So does its field for files: what may be clicked in it says what it is.
_NOT_OURS = {
    "[data-testid=stSidebarNav]": ("list", "listitem"),
    "[data-testid^=stFileUploader]": ("presentation-role-conflict",),
}
_RUN = "options => axe.run(options).then(found => found.violations)"
# What was clicked may not have begun to run: until it has been answered, the page says that it was asked.
_AT_REST = """() => !document.documentElement.dataset.asked
    && document.querySelector('[data-testid=stApp]:not([data-test-script-state=running])')
    && !document.querySelector('[data-testid=stSkeleton], [data-stale=true]')"""

_NO_HINT = "() => !document.querySelector('[role=tooltip], [data-testid=stTooltipContent]')"


def wait_for_rest(page: Page) -> None:
    """Wait until Streamlit has drawn all of the page, and nothing fades in any more."""
    page.wait_for_timeout(300)  # a click is at the server by then
    page.wait_for_function(_AT_REST)
    page.wait_for_function("() => document.getAnimations().every(each => each.playState !== 'running' || !each.effect)")


def findings(page: Page, *, only: Sequence[str] = ()) -> list[str]:
    """What is wrong with the page by all rules, or only by these: each with the rule and the element.

    The pointer goes out of the way first: where a click has left it, Streamlit may show a hint, and puts that beside the page.
    """
    page.mouse.move(0, 0)
    page.wait_for_function(_NO_HINT)
    if page.evaluate("() => typeof axe") != "object":
        page.evaluate(_AXE)
    chosen = {"runOnly": {"type": "rule", "values": list(only)}} if only else {}
    # What is well is not sent here.
    found = page.evaluate(_RUN, {"resultTypes": ["violations"], **chosen})
    return [
        f"{rule['id']}: {node['html'][:200]} ({node['failureSummary']})"
        for rule in found
        for node in rule["nodes"]
        if not _is_not_ours(page, rule["id"], node["target"][0])
    ]


def told_by_a_shade(page: Page) -> list[str]:
    """What looks the same, chosen or not, where somebody has colours of their own; and bars that end nowhere."""
    page.emulate_media(forced_colors="active")
    found: list[str] = page.evaluate(_SHADES)
    page.emulate_media(forced_colors="none")
    return found


# Of a colour that lets through what is below it, the browser keeps how much: below it is the same.
_SHADES = """() => {
    const ground = each => getComputedStyle(each).backgroundColor.match(/[0-9.]+/g).slice(0, 3).join();
    const part = each => each.querySelector('[data-testid=stRadioOption] > div > div') || each;
    const all = found => [...document.querySelectorAll(found)];
    const same = all('[data-selected=true]:not(label)').filter(chosen => [...chosen.parentElement.children].some(other =>
        other !== chosen && other.tagName === chosen.tagName && ground(part(other)) === ground(part(chosen))));
    const bars = all('[data-testid=stProgressBarTrack]').filter(each => ground(each) === ground(each.firstChild));
    return [...same, ...bars].map(each => each.outerHTML.slice(0, 200));
}"""


def squeezed(page: Page) -> list[str]:
    """What is reached by scrolling sideways alone, or whose words are cut off, on 320 pixels, as on a desk at four times its size,
    and where somebody has letters and paragraphs set further apart."""
    size = page.viewport_size
    apart = page.add_style_tag(content=_APART)
    page.set_viewport_size({"width": 320, "height": 640})
    # A chart takes the new width a moment later.
    with suppress(TimeoutError):
        page.wait_for_function(f"() => !({_CUT_OFF})().length", timeout=3000)
    found: list[str] = page.evaluate(_CUT_OFF)
    apart.evaluate("each => each.remove()")
    if size:
        page.set_viewport_size(size)
    return found


# As WCAG 1.4.12 has it.
_APART = (
    "* { letter-spacing: 0.12em !important; word-spacing: 0.16em !important; } p { margin-bottom: 2em !important; }"
)
# What holds a page that scrolls by itself is no wider than the page; what a browser cuts off it says of the words themselves.
_CUT_OFF = """() => {
    const all = found => [...document.querySelectorAll(found)].filter(each => each.checkVisibility());
    const wide = all(':root, [data-testid=stMain]').filter(each => each.scrollWidth > each.clientWidth + 1);
    const cut = all('[data-testid=stMain] button p').filter(each => {
        const words = each.getBoundingClientRect(), button = each.closest('button').getBoundingClientRect();
        return words.top < button.top - 1 || words.bottom > button.bottom + 1 || each.scrollWidth > each.clientWidth + 2;
    });
    return [
        ...wide.map(each => `${each.tagName} is ${each.scrollWidth} pixels wide`), ...cut.map(each => `cut off: ${each.innerText}`)
    ];
}"""


def same_names(page: Page) -> list[str]:
    """The names that several links bear which are to be seen: who hears of the links alone cannot tell them apart."""
    found: list[str] = page.evaluate(_LINKS)
    return sorted({each for each in found if found.count(each) > 1})


_LINKS = """() => [...document.querySelectorAll('a[href]')]
    .filter(each => each.checkVisibility({visibilityProperty: true}) && !each.closest('[aria-hidden=true]'))
    .filter(each => { const box = each.getBoundingClientRect(); return box.right > 0 && box.left < innerWidth; })
    .map(each => (each.ariaLabel || [...each.querySelectorAll('[data-testid=stIconMaterial]')].reduce(
        (text, icon) => text.replace(icon.innerText, ''), each.innerText) || each.querySelector('img')?.alt || '').trim())"""


def _is_not_ours(page: Page, rule: str, element: str) -> bool:
    return any(
        rule in rules and page.locator(element).first.evaluate("(each, name) => !!each.closest(name)", name)
        for name, rules in _NOT_OURS.items()
    )
