"""``consentgate demo``: what it shows, in the browser and in the terminal, and how it ends."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from click.testing import CliRunner
from in_process import ASGITransport
from in_thread import under_uvicorn
from rich.console import Console
from starlette_consentgate.demo import demo
from starlette_consentgate.demo.command import address_of, listen, serve
from starlette_consentgate.demo.observation import Observation, in_words, life, rows
from starlette_consentgate.demo.shop import create_shop
from starlette_consentgate.demo.terminal import screen
from starlette_consentgate.demo.words import WORDS

from consentgate import Policy, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from visitor import NewVisitor

DAY = 24 * 60 * 60
DEADLINE = 20.0
TICKED = re.compile(r"<input[^>]*\schecked[^>]*>")


class Shop:
    """A visitor of the demo's shop, and what was observed of the visit."""

    def __init__(self) -> None:
        self.shown: list[Observation] = []
        app = create_shop(self._show)
        self.client = httpx.Client(transport=ASGITransport(app), base_url="http://127.0.0.1:8000")

    def _show(self, latest: Sequence[Observation]) -> None:
        self.shown.append(latest[0])

    def send(self, path: str, **fields: str | list[str]) -> httpx.Response:
        """Send a form with the token of the home page."""
        return self.client.post(path, data={"csrf_token": token_in(self.client.get("/")), **fields})

    def choose(self, choice: str, *categories: str) -> httpx.Response:
        """Decide by a form, as a browser without scripts does."""
        fields = {"choice": choice, "category": list(categories), "next": "/product"}
        return self.client.post("/consent/", data=fields)

    def requests(self) -> list[str]:
        """Return the requests that were shown, oldest first."""
        return [observation.request for observation in self.shown]

    def verdicts(self) -> dict[str, str]:
        """Return what became of each cookie in the latest response."""
        return {row.name: row.verdict for row in self.shown[-1].rows}


def token_in(page: httpx.Response) -> str:
    """Return the token of the page's forms."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found
    return found[1]


@pytest.fixture
def shop() -> Iterator[Shop]:
    """Open the shop for a first visit."""
    visited = Shop()
    with visited.client:
        yield visited


# -- what is observed -------------------------------------------------------------------------


def test_before_a_choice_only_what_is_needed_leaves(shop: Shop) -> None:
    """The table names every cookie that the shop tried, and why it passed or not."""
    shop.client.get("/")
    assert {
        "session": "passed: needs no consent",
        "csrftoken": "passed: needs no consent",
        "_ga": "stopped: no choice yet",
        "_fbp": "stopped: no choice yet",
        "ab_test": "stopped: not in the policy",
        "old_basket": "passed: a deletion",
        "eu-consent-deposits": "stored by the gate",
    } == shop.verdicts()


def test_a_choice_is_in_the_table_and_so_is_the_page_after_it(shop: Shop) -> None:
    """The gate answers it in the shop's place, stores it, and leads back to the page."""
    shop.client.get("/product")
    answer = shop.choose("accept_all")
    assert (303, "/product") == (answer.status_code, answer.headers["Location"])
    assert {"eu-consent": "stored by the gate"} == shop.verdicts()
    shop.client.get(answer.headers["Location"])
    assert ["GET /product", "POST /consent/", "GET /product"] == shop.requests()
    page = shop.client.get("/").text
    assert re.search(r"<code>POST /consent/</code> 303.*?answered by ConsentGate", page, re.DOTALL)


def test_what_the_banner_loads_does_not_crowd_the_table(shop: Shop) -> None:
    """Its script, its style sheets, its fragments and the state are not shown."""
    page = shop.client.get("/").text
    loaded = re.findall(r'(?:src|href)="(/consent/[^"?]+\?v=[^"]+)"', page)
    assert 2 == len(loaded)
    for address in [*loaded, "/consent/banner?dialog=1", "/consent/state"]:
        assert 200 == shop.client.get(address).status_code
    assert ["GET /"] == shop.requests()


def test_the_settings_page_is_in_the_table(shop: Shop) -> None:
    """It is a page like another, on which no cookie is set; what was sent was not hidden."""
    shop.client.get("/")
    assert 200 == shop.client.get("/consent/").status_code
    assert ["GET /", "GET /consent/"] == shop.requests()
    assert {} == shop.verdicts()
    assert ("session", True) in shop.shown[-1].carried()
    assert "No cookie was set." in shop.client.get("/").text


def test_the_banner_asks_whoever_has_not_decided(shop: Shop) -> None:
    """It is gone after a choice; the link to the settings stays, in the shop's own words."""
    link = 'href="/consent/?lang=en&amp;next=/product" data-cg-action="customise">Cookie settings<'
    page = shop.client.get("/product").text
    assert 'role="dialog"' in page
    assert link in page
    shop.choose("reject_all")
    page = shop.client.get("/product").text
    assert 'role="dialog"' not in page
    assert link in page


def test_the_banner_speaks_the_language_of_the_shop(shop: Shop) -> None:
    """The shop's switch is the visitor's wish, whatever the browser prefers."""
    assert '<div id="consentgate" lang="en"' in shop.client.get("/").text
    shop.send("/language", language="fr")
    page = shop.client.get("/", headers={"Accept-Language": "de"}).text
    assert '<div id="consentgate" lang="fr"' in page


def test_an_acceptance_lets_the_cookies_out(shop: Shop) -> None:
    """Analytics leave for 13 months instead of two years, and the choice is the gate's own."""
    shop.choose("accept_all")
    (row,) = shop.shown[-1].rows
    assert ("eu-consent", "—", "181 days", "stored by the gate") == (row.name, *row[2:5])
    shop.client.get("/")
    found = {row.name: (row.wanted, row.got, row.verdict) for row in shop.shown[-1].rows}
    assert ("730 days", "393 days", "shortened: too long") == found["_ga"]
    assert ("90 days", "90 days", "passed: accepted") == found["_fbp"]
    assert "stored by the gate" == found["eu-consent-deposits"][2]


def test_a_refusal_is_the_reason_from_then_on(shop: Shop) -> None:
    """Refusing all says so in the verdicts."""
    shop.choose("reject_all")
    shop.client.get("/")
    assert "stopped: refused" == shop.verdicts()["_ga"]
    assert "stopped: refused" == shop.verdicts()["_fbp"]


def test_a_choice_is_obeyed_category_by_category(shop: Shop) -> None:
    """One box ticked lets out that category alone."""
    shop.choose("save", "advertising")
    shop.client.get("/")
    assert "stopped: refused" == shop.verdicts()["_ga"]
    assert "passed: accepted" == shop.verdicts()["_fbp"]


def test_a_withdrawal_hides_what_the_browser_still_sends(shop: Shop) -> None:
    """The shop does not see the cookie that a script has written again (R17)."""
    shop.choose("accept_all")
    shop.client.get("/")
    shop.choose("withdraw")
    shop.client.cookies.set("_ga", "GA1.2")
    shop.client.get("/")
    observation = shop.shown[-1]
    assert ("_ga", False) in observation.carried()
    assert ("session", True) in observation.carried()
    assert "hidden: refused" in [row.verdict for row in observation.rows if row.name == "_ga"]


def test_a_withdrawal_deletes_what_was_stored(shop: Shop) -> None:
    """The gate deletes in the answer to the choice, and on the next page nothing is new (R18)."""
    shop.choose("accept_all")
    shop.client.get("/")
    assert "_ga" in shop.client.cookies
    shop.choose("withdraw")
    assert [("—", "deletion", "deleted: refused", "gate")] == [
        row[2:] for row in shop.shown[-1].rows if row.name == "_ga"
    ]
    assert "_ga" not in shop.client.cookies
    shop.client.get("/")
    assert [("730 days", "nothing", "stopped: refused", "stop")] == [
        row[2:] for row in shop.shown[-1].rows if row.name == "_ga"
    ]


def test_what_a_script_writes_again_is_deleted_beside_what_the_shop_tries(shop: Shop) -> None:
    """The table tells what the shop tried from what the gate did in the same answer (R18)."""
    shop.choose("reject_all")
    shop.client.cookies.set("_ga", "GA1.2")
    shop.client.get("/")
    assert [
        ("to read it", "—", "hidden: refused", "hide"),
        ("730 days", "nothing", "stopped: refused", "stop"),
        ("—", "deletion", "deleted: refused", "gate"),
    ] == [row[2:] for row in shop.shown[-1].rows if row.name == "_ga"]


def test_a_choice_that_is_none_decides_nothing(shop: Shop) -> None:
    """Neither one that was tampered with, nor one from another site."""
    assert 400 <= shop.choose("perhaps").status_code < 500
    elsewhere = {"Origin": "http://evil.example"}
    answer = shop.client.post("/consent/", data={"choice": "accept_all"}, headers=elsewhere)
    assert 403 == answer.status_code
    assert "eu-consent" not in shop.client.cookies


@pytest.mark.parametrize("path", ["/basket", "/login", "/logout", "/language"])
@pytest.mark.parametrize("known", [True, False])
def test_a_forged_form_is_refused(shop: Shop, path: str, *, known: bool) -> None:
    """Neither a wrong token nor a visitor without one can send a form."""
    if known:
        shop.client.get("/")
    answer = shop.client.post(path, data={"csrf_token": "" if known else "x"})
    assert 403 == answer.status_code


def test_the_shop_is_a_shop(shop: Shop) -> None:
    """Basket, signing in and out and the language work without consent."""
    shop.send("/basket")
    shop.send("/login", user="Ada <b>")
    shop.send("/language", language="fr")
    page = shop.client.get("/product").text
    assert '<html lang="fr">' in page
    assert "Ada &lt;b&gt;" in page
    assert "Panier: <strong>1</strong>" in page
    shop.send("/logout")
    shop.send("/language", language="en")
    assert "Basket: <strong>0</strong>" in shop.client.get("/").text


def test_signing_out_is_rewritten_for_all_browsers(shop: Shop) -> None:
    """Starlette deletes its session by a date, which the gate turns into Max-Age=0 (R3)."""
    shop.send("/logout")
    row = next(row for row in shop.shown[-1].rows if row.name == "session")
    assert ("until a date", "deletion") == (row.wanted, row.got)
    assert "rewritten: a date is not trusted" == row.verdict


def test_the_page_shows_its_own_response(shop: Shop) -> None:
    """It is written when its headers have left, so that it knows what became of them."""
    page = shop.client.get("/").text
    assert "this page" in page
    assert "stopped: no choice yet" in page
    assert "_ga=GA1.1." in page
    assert 1 == page.count('class="response"')


def test_nothing_is_ticked_before_the_visitor_ticks_it(shop: Shop) -> None:
    """Consent is given by an act (CJEU, C-673/17)."""
    assert [] == TICKED.findall(shop.client.get("/").text + shop.client.get("/consent/").text)
    shop.choose("save", "statistics")
    (box,) = TICKED.findall(shop.client.get("/consent/").text)
    assert 'value="statistics"' in box


def test_pages_need_nothing_from_elsewhere(shop: Shop) -> None:
    """Every address in the page and in its style sheet is one of the shop's own."""
    page = shop.client.get("/").text
    found = set(re.findall(r' (?:src|href|action)="([^"]*)"', page))
    assert [] == [address for address in found if not address.startswith("/")]
    files = {address for address in found if re.match(r"/static/|.*\?v=", address)}
    assert {"/static/demo.css", "/static/demo.js", "/static/teapot.svg"} < files
    for address in files:
        answer = shop.client.get(address)
        assert 200 == answer.status_code
        assert [] == answer.headers.get_list("Set-Cookie")
    assert "url(" not in shop.client.get("/static/demo.css").text
    assert [] == re.findall(r"<script(?![^>]* src=)", page)


def test_both_languages_say_the_same_things() -> None:
    """No word is missing in one of them."""
    assert WORDS["en"].keys() == WORDS["fr"].keys()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (2 * DAY, "2 days"),
        (DAY, "1 day"),
        (2 * 3600, "2 hours"),
        (60, "1 minute"),
        (1, "1 second"),
        (0, "deletion"),
        (-1, "deletion"),
    ],
)
def test_times_are_said_in_words(seconds: int, words: str) -> None:
    """A life is shown in its largest unit."""
    assert words == in_words(seconds)


def test_a_life_is_read_from_the_line() -> None:
    """The three ways in which a cookie says how long it lives."""
    assert "1 day" == life("a=b; Path=/; Max-Age=86400")
    assert "until a date" == life("a=b; Expires=Thu, 01 Jan 2026 00:00:00 GMT")
    assert "this session" == life("a=b")


def test_what_the_gate_deletes_is_called_a_deletion() -> None:
    """A line that only the gate can have added is told from the shop's."""
    deletions = ["_ga=; Path=/; Max-Age=0", "_ga=; Path=/; Domain=shop.example; Max-Age=0"]
    own = "eu-consent-deposits=; Path=/; Max-Age=0; SameSite=Lax; HttpOnly"
    observation = Observation(1, "GET /", "_ga=1", got=[*deletions, own])
    observation.verdicts = [
        Verdict("_ga", "statistics", "hide", "refused", enforced=True),
        Verdict("_ga", "statistics", "expire", "refused", enforced=True),
    ]
    assert [
        ("_ga", "hidden: refused"),
        ("_ga", "deleted: refused"),
        ("eu-consent-deposits", "deleted by the gate"),
    ] == [(row.name, row.verdict) for row in rows(observation, Policy("1"))]


# -- in the browser ---------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize(
    ("button", "verdict"),
    [("Accept all", "passed: accepted"), ("Reject all", "stopped: refused")],
)
def test_the_panel_follows_a_choice_at_once(
    new_visitor: NewVisitor, button: str, verdict: str
) -> None:
    """The banner's script decides without a reload, so the page is written anew."""
    with under_uvicorn(create_shop(lambda latest: None)) as port:
        page = new_visitor().open(f"http://127.0.0.1:{port}/product")
        page.get_by_role("button", name=button).click()
        page.locator(".response[open] tr", has_text="_fbp").get_by_text(verdict).wait_for()
        shown = page.locator(".response > summary code").all_inner_texts()
        assert ["GET /product", "POST /consent/", "GET /product"] == shown


@pytest.mark.browser
def test_a_choice_is_changed_by_the_shops_own_link(new_visitor: NewVisitor) -> None:
    """It opens the dialog on the page, and a withdrawal shows what the gate deleted."""
    with under_uvicorn(create_shop(lambda latest: None)) as port:
        page = new_visitor().open(f"http://127.0.0.1:{port}/")
        page.get_by_role("button", name="Accept all").click()
        page.get_by_role("dialog").wait_for(state="detached")
        page.get_by_role("link", name="Cookie settings").click()
        page.get_by_role("button", name="Reject all").click()
        page.get_by_role("dialog").wait_for(state="detached")
        choice = page.locator(".response", has_text="POST /consent/").first
        choice.locator("summary").first.click()
        choice.get_by_role("row", name="_ga").get_by_text("deleted: refused").wait_for()


@pytest.mark.browser
def test_the_banner_leaves_what_was_stopped_in_sight(new_visitor: NewVisitor) -> None:
    """On a desktop the table is read before the choice, and not only after it."""
    with under_uvicorn(create_shop(lambda latest: None)) as port:
        page = new_visitor().open(f"http://127.0.0.1:{port}/")
        dialog = page.get_by_role("dialog").bounding_box()
        stopped = page.locator("tr.stop").last.bounding_box()
        assert dialog
        assert stopped
        assert stopped["y"] + stopped["height"] <= dialog["y"]


# -- in the terminal --------------------------------------------------------------------------


def test_where_stdout_is_no_terminal_lines_are_printed(shop: Shop) -> None:
    """One line for each cookie, which can be searched and kept."""
    shop.client.get("/")
    output = io.StringIO()
    with screen(Console(file=output)) as show:
        show(shop.shown)
    lines = output.getvalue().splitlines()
    assert "GET / 200" == lines[0]
    assert "  _ga        statistics  730 days     nothing      stopped: no choice yet" in lines
    deposits = r"  …-deposits necessary   —            39\d days     stored by the gate"
    assert any(re.fullmatch(deposits, line) for line in lines)
    assert 8 == len(lines)


def test_in_a_terminal_the_table_is_redrawn(shop: Shop) -> None:
    """The newest response is at the top, and all of it fits the terminal."""
    shop.client.get("/")
    shop.client.get("/product")
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=80, height=14, legacy_windows=False)
    with screen(console) as show:
        show(shop.shown[::-1])
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.getvalue())
    assert "Waiting for the first request" in drawn
    lines = drawn.rpartition("  Cookie ")[2].rstrip().splitlines()
    assert "GET /product 200" == lines[1].strip()
    assert "GET / 200" == lines[8].strip()
    assert 11 == len(lines)
    assert [] == [line for line in lines if len(line) > 80]
    assert output.getvalue().endswith("\x1b[?25h")  # the cursor is back


# -- the command ------------------------------------------------------------------------------


@pytest.mark.usefixtures("signals")
def test_a_port_in_use_is_told_in_one_line() -> None:
    """The reason is the system's, and there is no traceback."""
    with listen("127.0.0.1", 0) as listener:
        port = str(listener.getsockname()[1])
        result = CliRunner().invoke(demo, ["--port", port])
    assert 1 == result.exit_code
    assert f"Error: cannot listen on 127.0.0.1, port {port}" in result.output
    assert "Address already in use" in result.output
    assert 1 == result.output.count("\n")


@pytest.mark.usefixtures("signals")
def test_a_host_that_is_none_is_told_too() -> None:
    """A name that cannot be resolved is no traceback either."""
    result = CliRunner().invoke(demo, ["--host", "no such host"])
    assert 1 == result.exit_code
    assert "Error: cannot listen on no such host" in result.output


def test_an_address_of_ipv6_is_written_in_brackets() -> None:
    """What is printed can be opened in a browser (RFC 3986 3.2.2)."""
    with listen("::1", 0) as listener:
        assert address_of(listener) == f"http://[::1]:{listener.getsockname()[1]}/"


@pytest.fixture
def signals() -> Iterator[None]:
    """Give signals back what they did before the demo ran in this process."""
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


@pytest.mark.server
@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_browser_is_opened_when_asked(
    ending: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets the address that was printed, and a page there until the demo is stopped."""
    opened: list[str] = []
    statuses: list[int] = []

    def visit(address: str) -> None:
        statuses.append(httpx.get(address, timeout=DEADLINE).status_code)
        os.kill(os.getpid(), ending)

    def open_browser(address: str) -> None:
        opened.append(address)
        threading.Thread(target=visit, args=[address]).start()

    monkeypatch.setattr(webbrowser, "open", open_browser)
    result = CliRunner().invoke(demo, ["--open-browser"])
    assert 0 == result.exit_code
    assert [200] == statuses
    assert opened == result.output.splitlines()[:1]
    assert "Stopped." == result.output.splitlines()[-1]


@pytest.mark.server
@pytest.mark.usefixtures("signals")
def test_the_port_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Port and host are those asked for, and no browser is opened unasked."""
    monkeypatch.setattr(webbrowser, "open", pytest.fail)
    with listen("::1", 0) as listener:
        address = address_of(listener)

    def visit_and_stop() -> None:
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.ConnectError):
                httpx.get(address, timeout=DEADLINE)
                break
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=visit_and_stop).start()
    port = str(httpx.URL(address).port)
    result = CliRunner().invoke(demo, ["--host", "::1", "--port", port, "--no-open-browser"])
    assert 0 == result.exit_code
    assert address == result.output.splitlines()[0]
    assert "GET / 200" in result.output


@contextlib.contextmanager
def started(**streams: Any) -> Iterator[subprocess.Popen[str]]:
    """Run the command in a process of its own, and end it whatever happens."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from consentgate.cli import main; main()", "demo"],
        stderr=subprocess.PIPE,
        text=True,
        **streams,
    )
    watchdog = threading.Timer(DEADLINE, process.kill)
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


@pytest.mark.server
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly(ending: signal.Signals) -> None:
    """On Ctrl-C: exit code 0, no traceback, the port free again, though a browser is connected."""
    with started(stdout=subprocess.PIPE) as process:
        assert process.stdout
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
        with httpx.Client() as browser:  # keeps its connection, as browsers do
            assert 200 == browser.get(address, timeout=DEADLINE).status_code
            process.send_signal(ending)
            output, errors = process.communicate(timeout=DEADLINE)
    assert 0 == process.returncode
    assert "stopped: no choice yet" in output
    assert output.endswith("Stopped.\n")
    assert "Traceback" not in errors
    assert errors.count("\n") <= 1  # the one warning about the unregistered cookie
    listen("127.0.0.1", httpx.URL(address).port or 0).close()


@pytest.mark.usefixtures("signals")
def test_a_server_that_ends_by_itself_ends_the_demo() -> None:
    """What goes wrong in the server's thread is not lost there."""
    with listen("127.0.0.1", 0) as listener:
        listener.close()
        with pytest.raises(OSError, match=r"(Bad|Invalid) file descriptor"):
            serve(create_shop(print), listener)


@pytest.mark.server
def test_it_stops_at_once_where_nobody_came() -> None:
    """Ctrl-C right after the address is printed ends it as well."""
    with started(stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=DEADLINE)
    assert 0 == process.returncode
    assert "" == errors


@pytest.mark.server
def test_a_terminal_is_left_as_it_was() -> None:
    """In a real terminal the table is drawn, and the cursor comes back at the end."""
    ours, theirs = pty.openpty()
    with started(stdout=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "120"}) as process:
        os.close(theirs)
        output = read_until(ours, r"(http://127\.0\.0\.1:\d+/)")
        address = re.findall(r"http://\S+/", output)[0]
        assert 200 == httpx.get(address, timeout=DEADLINE).status_code
        output += read_until(ours, "not in the policy")
        process.send_signal(signal.SIGINT)
        output += read_until(ours, "Stopped")
        assert 0 == process.wait(DEADLINE)
    os.close(ours)
    assert "\x1b[?25l" in output
    assert "\x1b[?25h" in output.rpartition("\x1b[?25l")[2]


def read_until(descriptor: int, pattern: str) -> str:
    """Read a terminal until ``pattern`` is there; the watchdog ends a wait in vain."""
    text = ""
    while not re.search(pattern, text):
        text += os.read(descriptor, 65536).decode(errors="replace")
    return text


def test_the_socket_listens_before_the_server_runs() -> None:
    """A browser that is quicker than the server waits and is not refused."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        pass
