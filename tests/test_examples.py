"""The examples do what they are there to show, each through an HTTP client, at the headers."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from additions import is_deletion, is_deposits_cookie, without_additions
from in_process import ASGITransport
from in_thread import under_werkzeug

from consentgate import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from visitor import NewVisitor

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
DEMO = ROOT / "adapters" / "starlette_consentgate" / "demo"
THIRTEEN_MONTHS = 393 * 24 * 60 * 60  # R15
CSRF_INPUT = re.compile(r'<input type="hidden" name="(csrf\w+)" value="([^"]+)">')
DIALOG = 'role="dialog"'
TICKED = re.compile(r"<input[^>]*\schecked[^>]*>")


class Visitor:
    """A browser that keeps cookies, fills in forms and does not follow redirects."""

    def __init__(self, client: httpx.Client, renamed: dict[str, str]) -> None:
        self.client = client
        self.renamed = renamed

    def get(self, path: str) -> httpx.Response:
        """Ask for a page."""
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer

    def send(self, path: str, **fields: str | list[str]) -> httpx.Response:
        """Send one of the home page's forms, with the token that the page has in it."""
        found = CSRF_INPUT.search(self.get("/").text)
        assert found
        answer = self.client.post(path, data={found[1]: found[2], **fields})
        assert answer.status_code in {302, 303}, answer.text
        assert answer.headers["Location"] == "/"
        return answer

    def choose(self, choice: str, *categories: str) -> httpx.Response:
        """Send the settings page's form; the choice counts from its own answer on."""
        fields = {"choice": choice, "category": list(categories)}
        answer = self.client.post("/consent/", data=fields)
        assert answer.status_code == 303, answer.text
        return answer

    def stored(self, answer: httpx.Response) -> dict[str, str]:
        """Return the lines of ``answer`` that store a cookie, by the name it has in all shops.

        Those of the shop and the visitor's choice; see `added` for the others.
        """
        lines = without_additions(answer.headers.get_list("Set-Cookie"))
        named = {line.partition("=")[0]: line for line in lines if "Max-Age=0" not in line}
        return {self.renamed.get(name, name): line for name, line in named.items()}

    def added(self, answer: httpx.Response) -> list[str]:
        """Return the lines of ``answer`` that date or delete cookies, as only the gate does."""
        lines = answer.headers.get_list("Set-Cookie")
        return [line for line in lines if is_deposits_cookie(line) or is_deletion(line)]

    def read(self, answer: httpx.Response) -> set[str]:
        """Return the names of the cookies that the shop says it could read."""
        found = re.search(r"could read: ([^<]*)\.", answer.text)
        assert found
        return {self.renamed.get(name, name) for name in found[1].split()}


def load(name: str) -> ModuleType:
    """Import an example as a user's server does."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec
    assert spec.loader
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def in_process(transport: httpx.BaseTransport) -> Iterator[Visitor]:
    """Visit a shop that runs here."""
    with httpx.Client(transport=transport, base_url="http://shop.example") as client:
        yield Visitor(client, {})


@contextmanager
def started(*command: str) -> Iterator[Visitor]:
    """Visit a shop that runs as a process of its own, because Django is configured only once."""
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout
        found = None
        while not found:
            line = process.stdout.readline()
            assert line, "the shop ended before it said where it is"
            found = re.search(r"http://127\.0\.0\.1:\d+/", line)
        with httpx.Client(base_url=found[0]) as client:
            yield Visitor(client, {"sessionid": "session", "django_language": "language"})
    finally:
        process.terminate()
        process.communicate()


SHOPS = {
    "wsgi_shop": lambda name: in_process(httpx.WSGITransport(load(name).app)),
    "flask_shop": lambda name: in_process(httpx.WSGITransport(load(name).app)),
    "starlette_shop": lambda name: in_process(ASGITransport(load(name).app)),
    "fastapi_shop": lambda name: in_process(ASGITransport(load(name).app)),
    "django_shop": lambda name: started(
        str(EXAMPLES / f"{name}.py"), "runserver", "--noreload", "127.0.0.1:0"
    ),
}


@pytest.fixture(scope="module", params=SHOPS)
def shop(request: pytest.FixtureRequest) -> Iterator[Visitor]:
    """Run one of the shops."""
    with SHOPS[request.param](request.param) as visitor:
        yield visitor


@pytest.fixture
def visitor(shop: Visitor) -> Visitor:
    """Return a visitor that comes for the first time."""
    shop.client.cookies.clear()
    return shop


def test_an_undecided_visitor_gets_what_is_needed_and_no_more(visitor: Visitor) -> None:
    """Before any choice the session and the CSRF token leave, and nothing that needs consent."""
    assert visitor.stored(visitor.get("/")).keys() == {"session", "csrftoken"}
    assert visitor.stored(visitor.get("/product")).keys() <= {"session", "csrftoken"}


def test_a_deletion_passes_without_consent(visitor: Visitor) -> None:
    """A shop may always clean up (R5)."""
    lines = visitor.get("/").headers.get_list("Set-Cookie")
    assert [line for line in lines if line.startswith("old_basket=")] != []


def test_the_banner_asks_whoever_has_not_decided(visitor: Visitor) -> None:
    """It is on each page of the shop until the visitor decides, and the settings link always."""
    assert DIALOG in visitor.get("/").text
    assert DIALOG in visitor.get("/product").text
    visitor.choose("reject_all")
    for page in (visitor.get("/").text, visitor.get("/product").text):
        assert DIALOG not in page
        assert re.search(r'<a href="/consent/[^"]*" data-cg-action="customise">', page)


@pytest.mark.parametrize("choice", ["accept_all", "reject_all"])
@pytest.mark.parametrize("path", ["/", "/product"])
def test_the_banners_form_leads_back_to_its_page(visitor: Visitor, choice: str, path: str) -> None:
    """What a browser without scripts sends is taken, and the visitor goes on where they were."""
    page = visitor.get(path).text
    form = re.search(r'<form method="post" action="(/consent/)".*?</form>', page, re.DOTALL)
    assert form
    assert f'name="choice" value="{choice}"' in form[0]
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form[0])
    answer = visitor.client.post(form[1], data={**dict(hidden), "choice": choice})
    assert (303, path) == (answer.status_code, answer.headers["Location"])
    assert "eu-consent" in visitor.stored(answer)


def test_the_banner_speaks_the_language_of_the_page(visitor: Visitor) -> None:
    """Whatever the browser would like, one page is in one language."""
    assert '<div id="consentgate" lang="en' in visitor.get("/").text
    visitor.send("/language", language="fr")
    assert '<div id="consentgate" lang="fr"' in visitor.get("/").text


def test_the_settings_page_names_what_the_shop_may_store(visitor: Visitor) -> None:
    """ConsentGate has it, and no shop has a route for it."""
    page = visitor.get("/consent/").text
    assert [] == [name for name in ("csrftoken", "_ga*", "_fbp") if name not in page]
    assert "ab_test" not in page


def test_what_waits_for_consent_gets_it(visitor: Visitor) -> None:
    """The server counts by consent, and the script waits in the page for the banner to run it."""
    page = visitor.get("/").text
    assert "The server does not count this visit." in page
    assert '<script type="text/plain" data-consent="statistics">' in page
    visitor.choose("save", "statistics")
    assert "The server counts this visit." in visitor.get("/").text


@pytest.mark.browser
def test_the_waiting_script_runs_by_the_visitors_choice(new_visitor: NewVisitor) -> None:
    """The page comes without it running, and the choice runs it without a reload."""
    with under_werkzeug(load("flask_shop").app) as port:
        page = new_visitor().open(f"http://127.0.0.1:{port}/")
        page.get_by_text("The script does not count this visit.").wait_for()
        page.get_by_role("button", name="Accept all").click()
        page.get_by_text("The script counts this visit.").wait_for()


def test_an_acceptance_counts_from_its_own_answer_on(visitor: Visitor) -> None:
    """The redirect after "accept all" stores the choice, and the next page the cookies."""
    assert {"eu-consent"} == visitor.stored(visitor.choose("accept_all")).keys()
    assert {"_ga", "_fbp"} <= visitor.stored(visitor.get("/")).keys()


def test_an_accepted_cookie_lives_13_months_at_most(visitor: Visitor) -> None:
    """The shop asks for two years as Google does, and the gate shortens them (R12)."""
    visitor.choose("accept_all")
    assert f"Max-Age={THIRTEEN_MONTHS}" in visitor.stored(visitor.get("/"))["_ga"]


def test_an_accepted_cookie_is_readable(visitor: Visitor) -> None:
    """What was stored with consent comes back to the shop."""
    visitor.choose("accept_all")
    visitor.get("/")
    assert {"_ga", "_fbp"} <= visitor.read(visitor.get("/"))


def test_a_refusal_is_stored_and_kept(visitor: Visitor) -> None:
    """After "refuse all" only the choice itself is new, and no page stores more."""
    stored = visitor.stored(visitor.choose("reject_all"))
    assert {"eu-consent"} == stored.keys()
    assert "statistics=false" in stored["eu-consent"]
    assert visitor.stored(visitor.get("/product")).keys() <= {"session", "csrftoken"}


def test_a_choice_allows_what_was_chosen(visitor: Visitor) -> None:
    """With audience measurement ticked alone, its cookie leaves and advertising's does not."""
    line = visitor.stored(visitor.choose("save", "statistics"))["eu-consent"]
    assert "statistics=true" in line
    assert "advertising=false" in line
    stored = visitor.stored(visitor.get("/"))
    assert "_ga" in stored
    assert "_fbp" not in stored


def test_a_withdrawal_ends_storing_and_reading(visitor: Visitor) -> None:
    """What a script writes again after a withdrawal does not reach the shop (R17)."""
    visitor.choose("accept_all")
    visitor.choose("withdraw")
    visitor.client.cookies.update({"_ga": "1", "_fbp": "1"})
    page = visitor.get("/")
    assert visitor.stored(page).keys() <= {"session", "csrftoken"}
    assert visitor.read(page).isdisjoint({"_ga", "_fbp"})


def test_a_withdrawal_deletes_what_was_stored(visitor: Visitor) -> None:
    """It takes the cookies back in its own answer, and the browser has them no more (R18)."""
    visitor.choose("accept_all")
    visitor.get("/")
    assert {"_ga", "_fbp"} <= set(visitor.client.cookies)
    deleted = [line for line in visitor.added(visitor.choose("withdraw")) if is_deletion(line)]
    assert {"_ga", "_fbp"} == {line.partition("=")[0] for line in deleted}
    assert {"_ga", "_fbp"}.isdisjoint(visitor.client.cookies)


def test_no_visit_makes_a_cookie_live_longer(visitor: Visitor) -> None:
    """The shops write theirs with every page; their first deposits are kept once (R12, R13)."""
    visitor.choose("accept_all")
    assert any(map(is_deposits_cookie, visitor.added(visitor.get("/"))))
    assert not any(map(is_deposits_cookie, visitor.added(visitor.get("/product"))))


def test_what_the_policy_does_not_name_never_leaves(visitor: Visitor) -> None:
    """The forgotten cookie stays inside, whatever was accepted (R6)."""
    visitor.choose("accept_all")
    assert "ab_test" not in visitor.stored(visitor.get("/"))


def test_nothing_is_ticked_before_the_visitor_ticks_it(visitor: Visitor) -> None:
    """The settings show the visitor's own choice and none before it."""
    assert [] == TICKED.findall(visitor.get("/").text + visitor.get("/consent/").text)
    visitor.choose("save", "statistics")
    (box,) = TICKED.findall(visitor.get("/consent/").text)
    assert 'value="statistics"' in box


def test_the_shop_works_without_consent(visitor: Visitor) -> None:
    """Basket, signing in and out and the language need no consent."""
    visitor.send("/basket")
    visitor.send("/login", user="Ada")
    assert "language=fr" in visitor.stored(visitor.send("/language", language="fr"))["language"]
    page = visitor.get("/").text
    assert "Bienvenue, Ada!" in page
    assert "Basket: 1." in page
    visitor.send("/logout")
    assert "Bienvenue!" in visitor.get("/").text


@pytest.mark.parametrize("path", ["/basket", "/login", "/logout", "/language"])
def test_a_forged_form_is_refused(visitor: Visitor, path: str) -> None:
    """No form of the shop's works without the token."""
    visitor.get("/")
    forged = {"csrf_token": "guess", "csrfmiddlewaretoken": "guess", "user": "Eve"}
    answer = visitor.client.post(path, data={**forged, "language": "fr"})
    assert answer.status_code == 403


def test_a_forged_choice_is_refused(visitor: Visitor) -> None:
    """The form that decides needs no token: browsers say where it was sent from."""
    elsewhere = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = visitor.client.post("/consent/", data={"choice": "accept_all"}, headers=elsewhere)
    assert answer.status_code == 403
    assert "eu-consent" not in visitor.stored(answer)


def test_examples_and_demo_share_one_policy() -> None:
    """The policy that users copy is the one that the demo shows."""
    assert (EXAMPLES / "shop.toml").read_text() == (DEMO / "shop.toml").read_text()
    assert Policy.from_file(EXAMPLES / "shop.toml").preset == "fr"
