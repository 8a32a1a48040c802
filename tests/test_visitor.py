"""What a visitor meets: in Chromium, and a little in Firefox, on a shop behind each front.

What touches the protocol runs on all fronts, what is only the front end's on one.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import pytest
from pages_sites import FRONTS, POLICY, Site, served
from playwright.sync_api import expect
from visitor import PHONE, Refusal, autoconsent, axe_violations, layout_shift

from consentgate.duration import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from browsers import Browser
    from playwright.sync_api import Locator, Page
    from visitor import NewVisitor, Visitor

pytestmark = pytest.mark.browser

COUNTED: Final = ["inline", "file", "after"]
"""What the scripts that wait for statistics record, in the order of the page."""
ALL: Final = [*COUNTED, "advert"]
OPT_IN: Final = {"functional", "statistics", "advertising", "social"}
HALF_A_YEAR: Final = 184 * DAY


@pytest.fixture(scope="module", params=FRONTS)
def any_front(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Give the shop behind each front in turn."""
    with served(request.param) as site:
        yield site


@pytest.fixture
def site(any_front: Site) -> Site:
    """Give the shop behind each front in turn, by the real time."""
    any_front.later = 0.0
    return any_front


@pytest.fixture(scope="module")
def shop() -> Iterator[Site]:
    """Give the shop behind one front, for what is the same with all."""
    with served("wsgi") as site:
        yield site


# -- what is in the page -----------------------------------------------------------------------


def root(page: Page) -> Locator:
    """Return what holds all that is ours."""
    return page.locator("#consentgate")


def dialog(page: Page) -> Locator:
    """Return the banner."""
    return root(page).locator("[role=dialog]")


def action(page: Page, name: str) -> Locator:
    """Return the control of ours that does this."""
    return root(page).locator(f'[data-cg-action="{name}"]')


def button(page: Page, name: str) -> Locator:
    """Return the button of the banner that does this."""
    return dialog(page).locator(f'[data-cg-action="{name}"]')


def settings_link(page: Page) -> Locator:
    """Return the link that is always there."""
    return root(page).locator('a[data-cg-action="customise"]')


def checkbox(page: Page, category: str) -> Locator:
    """Return the box of one category."""
    return dialog(page).locator(f'[data-cg-category="{category}"]')


def film(page: Page) -> Locator:
    """Return what a visitor sees who may see the film."""
    return page.frame_locator("iframe").get_by_text("A film")


def expect_ran(page: Page, names: list[str]) -> None:
    """Wait until exactly these scripts have run, each once, in this order."""
    page.wait_for_function("expected => ran.join() === expected", arg=",".join(names))


def expect_status(page: Page, status: str, *granted: str) -> None:
    """Wait until the page knows this decision."""
    expect(root(page)).to_have_attribute("data-status", status)
    shown = root(page).get_attribute("data-granted") or ""
    assert set(granted) == set(shown.split())


def choices(visitor: Visitor) -> dict[str, bool]:
    """Return what the consent cookie says of each category."""
    fields = parse_qs(visitor.jar()["eu-consent"])
    return {name: fields[name] == ["true"] for name in sorted(OPT_IN)}


def stored(visitor: Visitor) -> set[str]:
    """Return the names of the cookies that are not the gate's own."""
    return {name for name in visitor.jar() if not name.startswith("eu-consent")}


def accept(page: Page) -> None:
    """Accept, and wait until that is done."""
    button(page, "accept").click()
    expect(dialog(page)).to_be_hidden()


def open_settings(page: Page) -> None:
    """Open the banner again, at the choices."""
    settings_link(page).click()
    expect(checkbox(page, "statistics")).to_be_visible()


# -- every front: a visit and a choice ---------------------------------------------------------


def test_a_first_visit_is_asked_and_nothing_is_stored(new_visitor: NewVisitor, site: Site) -> None:
    """Until there is a choice, only the exempt cookie is there, and what needs consent waits."""
    visitor = new_visitor()
    page = visitor.open(site.url())

    expect(dialog(page)).to_be_visible()
    expect(root(page)).to_have_attribute("data-state", "shown")
    expect_status(page, "undecided")
    expect(film(page)).to_have_count(0)
    expect(page.locator("iframe")).not_to_have_attribute("src", re.compile(""))
    expect_ran(page, [])
    assert stored(visitor) == {"session"} == set(visitor.jar())


def test_accepting_lets_everything_happen_at_once(new_visitor: NewVisitor, site: Site) -> None:
    """Without a reload the banner goes, scripts run once and in order, and the film is there."""
    visitor = new_visitor()
    page = visitor.open(site.url())
    page.evaluate("window.sameDocument = true")

    button(page, "accept").click()

    expect(dialog(page)).to_be_hidden()
    expect(root(page)).to_have_attribute("data-state", "hidden")
    expect(film(page)).to_be_visible()
    expect_ran(page, ALL)
    expect_status(page, "accepted", *OPT_IN)
    assert page.evaluate("sameDocument")
    assert set(page.evaluate("changes.map(state => state.status)")) == {"accepted"}
    assert page.evaluate("changes.length") == 1
    page.goto(site.url("/other"))
    expect(dialog(page)).to_be_hidden()
    assert stored(visitor) == {"_ga", "_fbp", "session"}


def test_the_choice_is_in_a_cookie_that_scripts_may_read(
    new_visitor: NewVisitor, site: Site
) -> None:
    """It is of this site alone, lasts six months, and says what was chosen."""
    visitor = new_visitor()
    accept(visitor.open(site.url()))

    cookie = visitor.cookies()["eu-consent"]
    assert (cookie["path"], cookie["sameSite"], cookie["httpOnly"]) == ("/", "Lax", False)
    assert 180 * DAY < cookie["expires"] - time.time() <= HALF_A_YEAR
    assert choices(visitor) == dict.fromkeys(OPT_IN, True)


def test_refusing_is_one_click_and_lasts(new_visitor: NewVisitor, site: Site) -> None:
    """Nothing runs, nothing is stored but the refusal, and the next page does not ask again."""
    visitor = new_visitor()
    page = visitor.open(site.url())

    button(page, "reject").click()

    expect(dialog(page)).to_be_hidden()
    expect_status(page, "refused")
    page.goto(site.url("/other"))
    expect(settings_link(page)).to_be_visible()
    expect(dialog(page)).to_be_hidden()
    expect_ran(page, [])
    assert choices(visitor) == dict.fromkeys(OPT_IN, False)
    assert set(visitor.jar()) == {"session", "eu-consent"}


def test_one_category_may_be_chosen(new_visitor: NewVisitor, site: Site) -> None:
    """No box is ticked before; what is ticked happens, and nothing else."""
    visitor = new_visitor()
    page = visitor.open(site.url())
    button(page, "customise").click()
    for category in OPT_IN:
        expect(checkbox(page, category)).not_to_be_checked()

    checkbox(page, "statistics").check()
    button(page, "save").click()

    expect(dialog(page)).to_be_hidden()
    expect_ran(page, COUNTED)
    expect_status(page, "partial", "statistics")
    expect(film(page)).to_have_count(0)
    page.goto(site.url("/other"))
    assert stored(visitor) == {"_ga", "session"}


def test_consent_is_withdrawn_where_it_was_given(new_visitor: NewVisitor, site: Site) -> None:
    """The settings show the present choice; a tick taken away ends and deletes what it allowed."""
    visitor = new_visitor()
    page = visitor.open(site.url())
    accept(page)
    page.reload()
    expect_ran(page, ALL)
    assert stored(visitor) == {"_ga", "_fbp", "session"}

    open_settings(page)
    expect(checkbox(page, "statistics")).to_be_checked()
    checkbox(page, "statistics").uncheck()
    with page.expect_event("load"):  # what has run cannot be stopped otherwise
        button(page, "save").click()

    expect_ran(page, ["advert"])
    expect_status(page, "partial", *OPT_IN - {"statistics"})
    assert stored(visitor) == {"_fbp", "session"}


def test_consent_is_withdrawn_on_the_page(new_visitor: NewVisitor, site: Site) -> None:
    """The preferences page has one button for it, and says that it is done."""
    visitor = new_visitor()
    page = visitor.open(site.url())
    accept(page)

    page.goto(site.url("/consent/"))
    page.get_by_role("button", name="Withdraw consent").click()

    expect(page.get_by_role("status")).to_contain_text("saved")
    expect(page.get_by_role("button", name="Withdraw consent")).to_have_count(0)
    page.goto(site.url())
    expect_ran(page, [])
    assert stored(visitor) == {"session"}
    assert choices(visitor) == dict.fromkeys(OPT_IN, False)


def test_after_six_months_the_visitor_is_asked_again(new_visitor: NewVisitor, site: Site) -> None:
    """The old choice allows nothing more: its cookies are hidden from the shop, and deleted."""
    visitor = new_visitor()
    page = visitor.open(site.url())
    accept(page)
    page.goto(site.url())
    assert "_ga" in stored(visitor)

    site.later = HALF_A_YEAR
    answer = page.goto(site.url("/analytics"))
    assert answer is not None
    assert "_ga" not in answer.text()
    page.goto(site.url())

    expect(dialog(page)).to_be_visible()
    expect_status(page, "undecided")
    expect_ran(page, [])
    assert stored(visitor) == {"session"}


def test_without_scripts_the_buttons_are_a_form(new_visitor: NewVisitor, site: Site) -> None:
    """It leads back to the page that the visitor was on, with its query."""
    visitor = new_visitor(java_script_enabled=False)
    page = visitor.open(site.url("/other?colour=green&size=2"))
    expect(button(page, "close")).to_be_hidden()

    button(page, "accept").click()

    expect(page).to_have_url(site.url("/other?colour=green&size=2"))
    expect(dialog(page)).to_have_count(0)
    assert choices(visitor) == dict.fromkeys(OPT_IN, True)


def test_without_scripts_refusing_is_as_simple(new_visitor: NewVisitor, site: Site) -> None:
    """The same one click, and the same way back."""
    visitor = new_visitor(java_script_enabled=False)
    page = visitor.open(site.url())

    button(page, "reject").click()

    expect(page).to_have_url(site.url())
    expect(dialog(page)).to_have_count(0)
    assert choices(visitor) == dict.fromkeys(OPT_IN, False)


def test_without_scripts_the_page_takes_every_choice(new_visitor: NewVisitor, site: Site) -> None:
    """Customise leads to it; it shows the choice that was made, and leads back."""
    visitor = new_visitor(java_script_enabled=False)
    page = visitor.open(site.url("/other"))

    button(page, "customise").click()
    box = page.get_by_role("checkbox", name="Audience measurement")
    expect(box).not_to_be_checked()
    box.check()
    page.get_by_role("button", name="Save my choices").click()

    expect(page.get_by_role("status")).to_contain_text("saved")
    expect(box).to_be_checked()
    assert choices(visitor) == {**dict.fromkeys(OPT_IN, False), "statistics": True}
    page.get_by_role("link", name="Back to the site").click()
    expect(page).to_have_url(site.url("/other"))


def test_the_page_takes_the_first_choice_too(new_visitor: NewVisitor, site: Site) -> None:
    """Who comes to it undecided may accept or refuse there with one click."""
    visitor = new_visitor()
    page = visitor.open(site.url("/consent/"))

    page.get_by_role("button", name="Reject all").click()
    expect(page.get_by_role("status")).to_contain_text("saved")
    assert choices(visitor) == dict.fromkeys(OPT_IN, False)

    page.get_by_role("button", name="Accept all").click()
    expect(page.get_by_role("checkbox", name="Advertising")).to_be_checked()
    assert choices(visitor) == dict.fromkeys(OPT_IN, True)


def test_erasing_the_record_forgets_the_choice(new_visitor: NewVisitor, site: Site) -> None:
    """The cookie goes with it, and the visitor is asked as on the first day."""
    visitor = new_visitor()
    page = visitor.open(site.url())
    accept(page)

    page.goto(site.url("/consent/"))
    page.get_by_role("button", name="Erase the record").click()
    page.goto(site.url())

    expect(dialog(page)).to_be_visible()
    assert set(visitor.jar()) == {"session"}


def test_a_nonce_is_handed_on(new_visitor: NewVisitor, site: Site) -> None:
    """With `strict-dynamic` and a nonce our script runs, and what waited runs with its own."""
    visitor = new_visitor()
    page = visitor.open(site.url("/nonce"))

    accept(page)

    expect_ran(page, ALL)
    expect(film(page)).to_be_visible()
    assert visitor.problems == []


def test_a_cached_page_asks_by_one_line(new_visitor: NewVisitor, site: Site) -> None:
    """The page is the same for all; who has chosen is not asked, and gets what they allowed."""
    visitor = new_visitor()
    page = visitor.open(site.url("/cached"))
    expect(dialog(page)).to_be_visible()
    expect_ran(page, [])

    accept(page)
    expect_ran(page, ALL)
    again = visitor.open(site.url("/cached"))

    expect_ran(again, ALL)
    expect(film(again)).to_be_visible()
    expect(settings_link(again)).to_be_visible()
    expect(dialog(again)).to_be_hidden()


@pytest.mark.parametrize("front", FRONTS)
def test_a_new_version_of_the_policy_asks_again(new_visitor: NewVisitor, front: str) -> None:
    """Consent was to the old one; nothing is allowed until there is a choice about the new one."""
    visitor = new_visitor()
    with served(front) as old:
        page = visitor.open(old.url())
        accept(page)
        page.goto(old.url())
        assert "_ga" in stored(visitor)
        page.close()

    with served(front, {**POLICY, "version": "2027-01"}) as new:
        page = visitor.open(new.url())
        expect(dialog(page)).to_be_visible()
        expect_ran(page, [])
        assert stored(visitor) == {"session"}
        accept(page)
        expect_ran(page, ALL)


@pytest.mark.parametrize("front", FRONTS)
def test_global_privacy_control_wins_in_california(new_visitor: NewVisitor, front: str) -> None:
    """The visitor reads that it was honoured, and accepting all does not sell what it protects."""
    visitor = new_visitor(extra_http_headers={"Sec-GPC": "1"})
    with served(front, {**POLICY, "preset": "us-ca"}) as california:
        page = visitor.open(california.url())
        expect(dialog(page)).to_contain_text("Global Privacy Control")
        expect_ran(page, COUNTED)  # opt-out: statistics need no question

        accept(page)

        expect(root(page)).not_to_have_attribute("data-granted", re.compile("advertising|social"))
        expect_ran(page, COUNTED)
        page.goto(california.url())
        expect(settings_link(page)).to_be_visible()
        expect_ran(page, COUNTED)
        assert stored(visitor) == {"_ga", "session"}
        page.goto(california.url("/consent/"))
        expect(page.locator("body")).to_contain_text("Global Privacy Control")


@pytest.mark.parametrize("front", ["django", "starlette"])
def test_a_shop_below_a_prefix_keeps_to_it(new_visitor: NewVisitor, front: str) -> None:
    """Every address of ours is below the place where the application is mounted."""
    with served(front, prefix="/shop") as site:
        for address in ("/", "/cached"):
            visitor = new_visitor()
            page = visitor.open(site.url(address))
            accept(page)
            expect_ran(page, ALL)
            open_settings(page)
            page.goto(site.url(address))
            expect(settings_link(page)).to_have_attribute("href", re.compile("^/shop/consent/"))

        page = new_visitor(java_script_enabled=False).open(site.url("/other"))
        button(page, "customise").click()
        page.get_by_role("button", name="Accept all").click()
        page.get_by_role("link", name="Back to the site").click()
        expect(page).to_have_url(site.url("/other"))


@pytest.mark.parametrize("cookies", ["no choice", "a choice", "a choice of old", "no signature"])
def test_what_the_server_rendered_is_not_fetched_again(
    new_visitor: NewVisitor, shop: Site, cookies: str
) -> None:
    """A banner rendered for this very visitor is up to date, whatever their cookie holds."""
    visitor = new_visitor()
    page = visitor.open(shop.url("/other"))
    if cookies != "no choice":
        accept(page)
    if cookies == "no signature":
        page.evaluate(
            "document.cookie = document.cookie.match(/eu-consent=.*&time=\\d+/)[0] + '; path=/'"
        )
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))

    shop.later = HALF_A_YEAR if cookies == "a choice of old" else 0
    page.goto(shop.url("/other"), wait_until="networkidle")

    shop.later = 0
    expect(root(page)).to_be_attached()
    assert [url for url in fetched if "/consent/banner?" in url] == []


# -- one front: what only the front end does ---------------------------------------------------


def test_script_and_style_are_small(new_visitor: NewVisitor, shop: Site) -> None:
    """Together they are below 8 kB, before any compression."""
    visitor = new_visitor()
    sizes = {
        name: len(visitor.context.request.get(shop.url(f"/consent/{name}")).body())
        for name in ("banner.js", "banner.css")
    }

    assert sum(sizes.values()) < 8000, sizes


@pytest.mark.parametrize("address", ["/strict", "/strict-cached"])
def test_a_strict_security_policy_is_kept(
    new_visitor: NewVisitor, shop: Site, address: str
) -> None:
    """With `default-src 'self'` all of it works, and the console shows no violation."""
    visitor = new_visitor()
    page = visitor.open(shop.url(address))
    expect(dialog(page)).to_be_visible()
    assert dialog(page).evaluate("element => getComputedStyle(element).position") != "static"

    accept(page)
    expect_ran(page, ["file"])
    expect(film(page)).to_be_visible()
    open_settings(page)
    button(page, "close").click()
    page.reload()

    expect_ran(page, ["file"])
    assert visitor.problems == []


def _places(page: Page) -> list[int]:
    """Return how far down each part of the shop is."""
    return list(
        page.evaluate(
            "() => [...document.querySelectorAll('header *, main *, footer *')]"
            ".map(element => element.getBoundingClientRect().top)"
        )
    )


@pytest.mark.parametrize("address", ["/", "/cached", "/tall"])
def test_nothing_moves(new_visitor: NewVisitor, shop: Site, address: str) -> None:
    """The banner comes, unfolds and goes without a shift of what the visitor reads."""
    page = new_visitor().open(shop.url(address))
    expect(dialog(page)).to_be_visible()
    places = _places(page)

    button(page, "customise").click()
    expect(checkbox(page, "functional")).to_be_visible()
    assert _places(page) == places
    checkbox(page, "functional").check()  # no part of the page waits for it
    button(page, "save").click()
    expect(dialog(page)).to_be_hidden()

    assert _places(page) == places
    assert layout_shift(page) == 0


def _overflow(page: Page) -> dict[str, int]:
    return page.evaluate(
        "() => ({page: document.documentElement.scrollWidth - innerWidth, dialog: Math.max(0,"
        " ...[...document.querySelectorAll('#consentgate [role=dialog]')]"
        ".map(box => box.scrollWidth - box.clientWidth))})"
    )


@pytest.mark.parametrize("language", ["en", "fr", "de", "es"])
def test_at_320_pixels_nothing_scrolls_sideways(
    new_visitor: NewVisitor, shop: Site, language: str
) -> None:
    """The banner, its choices and the preferences page fit, in languages with long words too."""
    page = new_visitor(viewport=PHONE, locale=language).open(shop.url())
    expect(dialog(page)).to_be_visible()
    assert _overflow(page) == {"page": 0, "dialog": 0}

    button(page, "customise").click()
    expect(checkbox(page, "statistics")).to_be_visible()
    assert _overflow(page) == {"page": 0, "dialog": 0}
    button(page, "save").scroll_into_view_if_needed()
    expect(button(page, "save")).to_be_in_viewport()

    page.goto(shop.url("/consent/"))
    assert _overflow(page) == {"page": 0, "dialog": 0}


def _focused(page: Page) -> str:
    """Return what has the focus, by action, category, id or tag."""
    return str(
        page.evaluate(
            "() => (({dataset, id, tagName}) =>"
            " dataset.cgAction || dataset.cgCategory || id || tagName)(document.activeElement)"
        )
    )


def _controls(page: Page) -> list[str]:
    """Return what Tab should reach in the banner, in the order of the document."""
    return list(
        page.evaluate(
            "() => [...document.querySelectorAll('#consentgate [role=dialog]"
            " :is(button, input:not([type=hidden]), a[href])')]"
            ".filter(element => element.checkVisibility() && !element.matches(':disabled'))"
            ".map(({dataset, id, tagName}) => dataset.cgAction || dataset.cgCategory || id"
            " || tagName)"
        )
    )


def _tabbed(page: Page, count: int) -> list[str]:
    reached = []
    for _ in range(count):
        page.keyboard.press("Tab")
        reached.append(_focused(page))
    return reached


def test_the_keyboard_reaches_everything(new_visitor: NewVisitor, shop: Site) -> None:
    """Tab goes through every control in order, Space ticks, Enter saves, and focus is not lost."""
    visitor = new_visitor()
    page = visitor.open(shop.url("/other"))
    assert _focused(page) == "BODY"  # nothing steals the focus
    before_the_dialog = page.locator("#own-link")
    before_the_dialog.focus()

    first_layer = _controls(page)
    assert {"accept", "reject", "customise", "close"} <= set(first_layer)
    assert _tabbed(page, len(first_layer)) == first_layer

    button(page, "customise").focus()
    page.keyboard.press("Enter")
    expect(checkbox(page, "functional")).to_be_focused()
    page.keyboard.press("Space")
    expect(checkbox(page, "functional")).to_be_checked()
    before_the_dialog.focus()
    second_layer = _controls(page)
    assert {*OPT_IN, "save"} <= set(second_layer)
    assert _tabbed(page, len(second_layer)) == second_layer

    button(page, "save").focus()
    page.keyboard.press("Enter")
    expect(dialog(page)).to_be_hidden()
    expect(settings_link(page)).to_be_focused()
    assert choices(visitor) == {**dict.fromkeys(OPT_IN, False), "functional": True}


@pytest.mark.parametrize(("name", "key"), [("accept", "Enter"), ("reject", "Space")])
def test_a_key_decides_and_keeps_the_focus(
    new_visitor: NewVisitor, shop: Site, name: str, key: str
) -> None:
    """From the button that goes, the focus moves to the link that stays."""
    page = new_visitor().open(shop.url("/other"))
    button(page, name).focus()
    page.keyboard.press(key)

    expect(dialog(page)).to_be_hidden()
    expect(settings_link(page)).to_be_focused()


@pytest.mark.parametrize("layer", [1, 2])
def test_escape_closes_and_decides_nothing(new_visitor: NewVisitor, shop: Site, layer: int) -> None:
    """The banner is out of the way for this page, the focus on the link that opens it again."""
    visitor = new_visitor()
    page = visitor.open(shop.url())
    button(page, "customise" if layer == 2 else "accept").focus()
    if layer == 2:
        page.keyboard.press("Enter")
        expect(checkbox(page, "functional")).to_be_focused()

    page.keyboard.press("Escape")

    expect(dialog(page)).to_be_hidden()
    expect(settings_link(page)).to_be_focused()
    expect_status(page, "undecided")
    assert "eu-consent" not in visitor.jar()
    page.goto(shop.url("/other"))
    expect(dialog(page)).to_be_visible()


def test_closing_decides_nothing(new_visitor: NewVisitor, shop: Site) -> None:
    """The same by the cross."""
    visitor = new_visitor()
    page = visitor.open(shop.url())
    button(page, "close").click()

    expect(dialog(page)).to_be_hidden()
    expect_ran(page, [])
    assert "eu-consent" not in visitor.jar()
    settings_link(page).click()
    expect(dialog(page)).to_be_visible()


@pytest.mark.parametrize("opener", ["settings", "own link"])
def test_a_link_opens_the_settings_in_place(
    new_visitor: NewVisitor, shop: Site, opener: str
) -> None:
    """The focus goes in, and back to that link on closing; the site may have a link of its own."""
    page = new_visitor().open(shop.url("/other"))
    accept(page)
    page.reload()
    link = settings_link(page) if opener == "settings" else page.locator("#own-link")

    link.focus()
    page.keyboard.press("Enter")
    expect(checkbox(page, "statistics")).to_be_checked()
    assert page.evaluate("document.activeElement.closest('[role=dialog]') !== null")
    page.keyboard.press("Escape")

    expect(dialog(page)).to_be_hidden()
    expect(link).to_be_focused()
    expect(page).to_have_url(shop.url("/other"))


@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_the_banner_hides_no_focus(
    new_visitor: NewVisitor, shop: Site, screen: str, layer: int
) -> None:
    """Whatever Tab reaches on a long page is scrolled above the banner (WCAG 2.4.11)."""
    page = new_visitor(**({"viewport": PHONE} if screen == "phone" else {})).open(shop.url("/tall"))
    if layer == 2:
        button(page, "customise").click()
        expect(checkbox(page, "statistics")).to_be_visible()
        page.locator("header a").focus()

    hidden = []
    for _ in range(43):
        page.keyboard.press("Tab")
        covered = page.evaluate(
            """() => {
                const element = document.activeElement;
                const {bottom, left, right, top} = element.getBoundingClientRect();
                const at = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
                return element === at || element.contains(at) ? "" : element.outerHTML;
            }"""
        )
        hidden += [covered] if covered else []
    assert hidden == []


def test_who_wants_no_motion_sees_none(new_visitor: NewVisitor, shop: Site) -> None:
    """Nothing is animated while the banner comes, unfolds and goes."""
    page = new_visitor(reduced_motion="reduce").open(shop.url("/other"))
    moving = "document.getAnimations().map(({effect}) => effect.target.outerHTML)"
    expect(dialog(page)).to_be_visible()
    assert page.evaluate(moving) == []

    button(page, "customise").click()
    assert page.evaluate(moving) == []
    button(page, "save").click()
    expect(dialog(page)).to_be_hidden()
    assert page.evaluate(moving) == []


def test_screen_readers_are_told(new_visitor: NewVisitor, shop: Site) -> None:
    """The banner has a name and a description, and a live region that was there says the result."""
    page = new_visitor().open(shop.url("/other"))
    expect(dialog(page)).to_have_accessible_name("Cookies on this site")
    expect(dialog(page)).to_have_accessible_description(re.compile("We use cookies"))
    expect(dialog(page)).not_to_have_attribute("aria-modal", re.compile(""))
    expect(button(page, "customise")).to_have_attribute("aria-expanded", "false")
    live = root(page).get_by_role("status")
    expect(live).to_have_count(1)
    expect(live).to_be_empty()

    button(page, "customise").click()
    expect(button(page, "customise")).to_have_attribute("aria-expanded", "true")
    expect(checkbox(page, "statistics")).to_have_accessible_name(re.compile("Audience measurement"))
    button(page, "save").click()

    expect(live).to_have_text("Your choice has been saved.")


def test_the_three_choices_have_equal_weight(new_visitor: NewVisitor, shop: Site) -> None:
    """Accept, refuse and customise are alike in element, size, colours and lettering."""
    page = new_visitor().open(shop.url())
    expect(dialog(page)).to_be_visible()
    looks = [
        button(page, name).evaluate(
            """element => {
                const look = getComputedStyle(element);
                const {height, top} = element.getBoundingClientRect();
                return {
                    tag: element.tagName, height, top, color: look.color, border: look.border,
                    background: look.backgroundColor, font: look.font, padding: look.padding,
                };
            }"""
        )
        for name in ("accept", "reject", "customise")
    ]

    assert looks[0] == looks[1] == looks[2]


@pytest.mark.parametrize(
    ("language", "scheme", "viewport"),
    [
        ("en", "light", None),
        ("en", "dark", None),
        ("en", "light", PHONE),
        ("fr", "dark", PHONE),
        ("de", "light", PHONE),
        ("es", "light", None),
        ("it", "dark", None),
        ("nl", "light", None),
    ],
)
def test_axe_finds_nothing(
    new_visitor: NewVisitor, shop: Site, language: str, scheme: str, viewport: Any
) -> None:
    """Banner, choices, what remains of it, and the preferences page meet WCAG 2.2 AA."""
    options = {"viewport": viewport} if viewport else {}
    visitor = new_visitor(locale=language, color_scheme=scheme, **options)
    page = visitor.open(shop.url())
    expect(dialog(page)).to_be_visible()
    expect(root(page)).to_have_attribute("lang", language)
    assert axe_violations(page) == []

    button(page, "customise").click()
    expect(checkbox(page, "statistics")).to_be_visible()
    assert axe_violations(page) == []

    checkbox(page, "statistics").check()
    button(page, "save").click()
    expect(dialog(page)).to_be_hidden()
    assert axe_violations(page) == []

    page.goto(shop.url("/consent/"))
    expect(page.locator("html")).to_have_attribute("lang", language)
    assert axe_violations(page) == []


def test_axe_can_find_something(new_visitor: NewVisitor, shop: Site) -> None:
    """The test above can fail: a button without a name is found."""
    page = new_visitor().open(shop.url())
    button(page, "accept").evaluate("element => element.replaceChildren()")

    assert "button-name" in " ".join(axe_violations(page))


@pytest.mark.parametrize("language", ["en", "fr", "de", "es", "it", "nl"])
def test_the_extension_of_duckduckgo_refuses(
    new_visitor: NewVisitor, shop: Site, language: str
) -> None:
    """It knows the banner by its words alone, in every language, and refuses all."""
    visitor = new_visitor(locale=language)
    page = visitor.open(shop.url())
    expect(button(page, "reject")).to_be_visible()

    assert autoconsent(page) == Refusal("HEURISTIC-REJECT", clicked=True, gone=True)
    assert choices(visitor) == dict.fromkeys(OPT_IN, False)


def test_the_extension_of_duckduckgo_can_fail(new_visitor: NewVisitor, shop: Site) -> None:
    """The test above can fail: without the refusal it clicks nothing."""
    page = new_visitor().open(shop.url())
    button(page, "reject").evaluate("element => element.remove()")

    assert autoconsent(page) == Refusal(None, clicked=False, gone=False)


def test_the_page_has_the_visitors_language(new_visitor: NewVisitor, shop: Site) -> None:
    """Unless the template says the page's own."""
    visitor = new_visitor(locale="de-AT")
    page = visitor.open(shop.url())
    expect(button(page, "reject")).to_have_text("Alle ablehnen")

    page.goto(shop.url("/french"))
    expect(button(page, "reject")).to_have_text("Tout refuser")
    expect(root(page)).to_have_attribute("lang", "fr")


def test_a_film_may_be_allowed_where_it_stands(new_visitor: NewVisitor, shop: Site) -> None:
    """Its place says who shows it and what that is; one click allows that and nothing else."""
    visitor = new_visitor()
    page = visitor.open(shop.url())
    allow = page.get_by_role("button", name="Allow “Social networks”")
    expect(page.get_by_text("127.0.0.1")).to_be_visible()

    allow.click()

    expect(film(page)).to_be_visible()
    expect(allow).to_have_count(0)
    expect_ran(page, [])
    assert choices(visitor) == {**dict.fromkeys(OPT_IN, False), "social": True}


def test_allowing_a_film_keeps_the_other_choices(new_visitor: NewVisitor, shop: Site) -> None:
    """Also where the page came without the banner, because there is a decision."""
    visitor = new_visitor()
    page = visitor.open(shop.url())
    button(page, "customise").click()
    checkbox(page, "statistics").check()
    button(page, "save").click()
    expect(dialog(page)).to_be_hidden()
    page.reload()

    page.get_by_role("button", name="Allow “Social networks”").click()

    expect(film(page)).to_be_visible()
    both = {"statistics": True, "social": True}
    assert choices(visitor) == {**dict.fromkeys(OPT_IN, False), **both}


def test_a_site_may_stop_by_itself(new_visitor: NewVisitor, shop: Site) -> None:
    """Whoever prevents the event's default is not reloaded on a withdrawal."""
    page = new_visitor().open(shop.url())
    accept(page)
    expect_ran(page, ALL)
    page.evaluate(
        "document.addEventListener('consentgate:change', event => event.preventDefault())"
    )

    open_settings(page)
    checkbox(page, "statistics").uncheck()
    button(page, "save").click()

    expect(dialog(page)).to_be_hidden()
    expect_status(page, "partial", *OPT_IN - {"statistics"})
    assert page.evaluate("changes.length") == 2
    expect_ran(page, ALL)


def test_what_cannot_be_saved_is_said(new_visitor: NewVisitor, shop: Site) -> None:
    """When the server fails, the banner stays, says so, and nothing has changed."""
    visitor = new_visitor()
    page = visitor.open(shop.url())
    page.route("**/consent/", lambda route: route.fulfill(status=503, body="{}"))

    button(page, "accept").click()

    expect(root(page).get_by_role("alert")).to_have_text(
        "Your choice could not be saved. Please try again."
    )
    expect(dialog(page)).to_be_visible()
    expect_status(page, "undecided")
    expect_ran(page, [])
    page.unroute_all()
    accept(page)
    expect_ran(page, ALL)
    assert "503" in visitor.problems.pop()


def test_where_scripts_may_fetch_nothing_the_form_is_sent(
    new_visitor: NewVisitor, shop: Site
) -> None:
    """Under `connect-src 'none'` the choice is taken as without scripts."""
    visitor = new_visitor()
    page = visitor.open(shop.url("/offline"))

    button(page, "accept").click()

    expect(dialog(page)).to_have_count(0)
    expect(page).to_have_url(shop.url("/offline"))
    assert choices(visitor) == dict.fromkeys(OPT_IN, True)
    assert all("Security Policy" in problem for problem in visitor.problems), visitor.problems
    visitor.problems.clear()


def test_a_restored_page_asks_the_server(new_visitor: NewVisitor, shop: Site) -> None:
    """A page that comes back as it was left knows what was decided since, wherever that was."""
    visitor = new_visitor()
    page = visitor.open(shop.url())
    elsewhere = visitor.open(shop.url("/consent/"))  # which has no script to tell the others
    elsewhere.get_by_role("button", name="Accept all").click()
    expect(elsewhere.get_by_role("status")).to_contain_text("saved")
    expect(dialog(page)).to_be_visible()

    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")

    expect(dialog(page)).to_be_hidden()
    expect_ran(page, ALL)


def test_what_another_tab_decides_holds_in_this_one(new_visitor: NewVisitor, shop: Site) -> None:
    """No reload and no second question: accepted there, it runs here; withdrawn, it ends here."""
    visitor = new_visitor()
    here, there = visitor.open(shop.url()), visitor.open(shop.url("/cached"))

    accept(there)
    expect(dialog(here)).to_be_hidden()
    expect_ran(here, ALL)
    expect_status(here, "accepted", *OPT_IN)

    open_settings(there)
    for category in OPT_IN:
        checkbox(there, category).uncheck()
    button(there, "save").click()
    expect_ran(here, [])
    expect_status(here, "refused")


def test_a_page_from_the_cache_shows_no_question_that_was_answered(
    new_visitor: NewVisitor, shop: Site
) -> None:
    """A page kept with its banner, seen again by the back button, knows the choice made since."""
    visitor = new_visitor()
    page = visitor.open(shop.url("/kept"))
    expect(dialog(page)).to_be_visible()
    page.goto(shop.url("/other"))
    accept(page)

    page.go_back()

    expect(root(page)).to_be_attached()
    expect(dialog(page)).to_be_hidden()
    expect_ran(page, ALL)
    expect_status(page, "accepted", *OPT_IN)


def _consent_commands(page: Page) -> list[list[Any]]:
    """Return what Google's tags were told of consent: `[command, granted signals]`."""
    return list(
        page.evaluate(
            "() => dataLayer.map(entry => [...entry]).filter(([what]) => what === 'consent')"
            ".map(([, command, state]) => [command, Object.keys(state)"
            ".filter(signal => state[signal] === 'granted').sort()])"
        )
    )


def test_google_is_told_before_and_after(new_visitor: NewVisitor, shop: Site) -> None:
    """Consent Mode's default is what holds, and a choice updates it in the same page."""
    page = new_visitor().open(shop.url("/google"))
    assert _consent_commands(page) == [["default", ["security_storage"]]]

    button(page, "customise").click()
    checkbox(page, "statistics").check()
    button(page, "save").click()
    expect(dialog(page)).to_be_hidden()
    told = _consent_commands(page)
    assert [command for command, _ in told] == ["default", "update"]
    assert set(told[1][1]) - {"security_storage"} == {"analytics_storage"}

    page.reload()
    assert _consent_commands(page) == [["default", ["analytics_storage", "security_storage"]]]


def test_without_googles_tags_nothing_is_made_for_them(new_visitor: NewVisitor, shop: Site) -> None:
    """A site that does not use Consent Mode gets no `dataLayer`."""
    page = new_visitor().open(shop.url())
    accept(page)

    assert page.evaluate("'dataLayer' in window || 'gtag' in window") is False


def test_a_forged_choice_is_refused(new_visitor: NewVisitor, shop: Site) -> None:
    """A page of another site that posts our form changes nothing, and the visitor reads why."""
    visitor = new_visitor()
    visitor.open(shop.url())
    with served("asgi") as other:
        page = visitor.open(other.url("/film").replace("127.0.0.1", "localhost"))
        page.evaluate(
            """action => {
                const form = document.createElement("form");
                Object.assign(form, {method: "post", action});
                form.innerHTML = '<input name="choice" value="accept_all">';
                document.body.append(form);
                form.submit();
            }""",
            shop.url("/consent/"),
        )
        expect(page.locator("body")).to_contain_text("another website")
        assert axe_violations(page) == []

    assert "eu-consent" not in visitor.jar()
    assert "403" in visitor.problems.pop()


# -- the other engine --------------------------------------------------------------------------

_WHEN: Final = """new Promise(done => {
    const look = () => (%s) ? done(true) : requestAnimationFrame(look);
    look();
})"""


def when(firefox: Browser, condition: str) -> None:
    """Wait until `condition` holds in the page."""
    assert firefox._evaluate(_WHEN % condition) is True


@pytest.mark.parametrize("address", ["/", "/cached"])
def test_firefox_asks_and_takes_the_choice_too(firefox: Browser, shop: Site, address: str) -> None:
    """The banner is styled, accepting happens at once, and the next page does not ask."""
    firefox.clear()
    firefox.load(shop.url(address))
    banner = "document.querySelector('#consentgate [role=dialog]')"
    when(firefox, f"{banner}?.checkVisibility()")
    assert firefox._evaluate(f"getComputedStyle({banner}).position") == "fixed"

    firefox._evaluate(f"{banner}.querySelector('[data-cg-action=accept]').click()")
    when(firefox, f"ran.join() === '{','.join(ALL)}'")
    when(firefox, "frames[0]?.document.body?.textContent.includes('A film')")
    assert "eu-consent" in {cookie.name for cookie in firefox.cookies()}

    firefox.load(shop.url(address))
    when(firefox, f"ran.join() === '{','.join(ALL)}'")
    assert firefox._evaluate(f"Boolean({banner}?.checkVisibility())") is False
