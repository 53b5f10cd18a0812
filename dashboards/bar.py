"""The bar at the top of every page: where one is, where else one can go, who is logged in."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from dashboards.html import EMPTY
from dashboards.visitor import DEEDS

TITLE: Final = "Tutor quality"
PAGES: Final = {
    "overview": "Overview",
    "sessions": "Sessions",
    "tutors": "Tutors",
    "matching": "Matching",
    "models": "Models",
}
FIRST_PAGE: Final = "overview"

_BAR: Final = Markup(
    '<div class=bar><a class=brand href="{root}{first}">{title}</a>'
    "<div id=places popover>"
    '<nav aria-label="Pages">{links}</nav>{who}<a class=out href="{root}logout">Log out</a></div>'
    '<button type=button class=round data-does=look aria-label="Light or dark" title="Light or dark">'
    "{moon}{sun}</button>"
    '<button type=button class="round menu" popovertarget=places aria-label="Menu">{menu}</button></div>'
)
# Material icons, Apache License 2.0: pages that stand by themselves have no font of icons.
_ICON: Final = Markup('<svg class="{}" viewBox="0 0 24 24" aria-hidden=true><path d="{}"/></svg>')
_MENU: Final = _ICON.format("", "M3 18h18v-2H3v2zm0-5h18v-2H3v2zm0-7v2h18V6H3z")
_MOON: Final = _ICON.format(
    "to-dark",
    "M12 3a9 9 0 1 0 9 9c0-.46-.04-.92-.1-1.36a5.389 5.389 0 0 1-4.4 2.26 5.403 5.403 0 0 1-3.14-9.8"
    "c-.44-.06-.9-.1-1.36-.1z",
)
_SUN: Final = _ICON.format(
    "to-light",
    "M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10zM2 13h2v-2H2v2zm18 0h2v-2h-2v2zM11 2v2h2V2h-2zm0 18v2h2v-2h-2z"
    "M5.99 4.58 4.58 5.99l1.06 1.06 1.41-1.41-1.06-1.06zm12.37 12.37-1.41 1.41 1.06 1.06 1.41-1.41-1.06-1.06z"
    "M19.42 5.99l-1.41-1.41-1.06 1.06 1.41 1.41 1.06-1.06zM7.05 18.36l-1.41-1.41-1.06 1.06 1.41 1.41 1.06-1.06z",
)
_PERSON: Final = _ICON.format(
    "",
    "M12 12c2.21 0 4-1.79 4-4s-1.79-4-4-4-4 1.79-4 4 1.79 4 4 4zm0 2c-2.67 0-8 1.34-8 4v2h16v-2c0-2.66-5.33-4-8-4z",
)


def render_bar(here: str = "", name: str = "", role: str = "", root: str = "./") -> Markup:
    """The bar as HTML.

    here: the name of the page of PAGES that is shown, or that leads to what is shown. name, role: of who is logged in,
    if it is known. root: where the addresses of PAGES are, seen from the page.
    """
    links = EMPTY.join(
        Markup('<a href="{}{}"{}>{}</a>').format(
            root, address, Markup(' aria-current="page"') if name == here else EMPTY, name
        )
        for address, name in PAGES.items()
    )
    return _BAR.format(
        root=root,
        first=FIRST_PAGE,
        title=TITLE,
        links=links,
        who=_render_visitor(name, role) if name else EMPTY,
        moon=_MOON,
        sun=_SUN,
        menu=_MENU,
    )


def _render_visitor(name: str, role: str) -> Markup:
    badge = EMPTY if role in ("", name) else Markup('<small title="May {}">{}</small>').format(DEEDS[role], role)
    return Markup("<p class=who>{}<span>{}</span>{}</p>").format(_PERSON, name, badge)
