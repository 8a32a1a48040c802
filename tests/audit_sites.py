"""Small sites on this machine for `consentgate audit`: most of them do what they must not.

    with served() as sites:
        audit(sites.url("naughty"))

Every name below ``.example`` is this machine (`BROWSER_ARGUMENTS`); they talk TLS, without which a
browser keeps no cookie of a third party.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trustme
from in_thread import HOST, under_werkzeug

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

BROWSER_ARGUMENTS: Final = (
    f"--host-resolver-rules=MAP *.example {HOST}",
    "--disable-gpu",
    "--disable-quic",
)

Header = tuple[str, str]

TWO_YEARS: Final = 2 * 365 * 24 * 60 * 60
_FORGET: Final = "Max-Age=0; Path=/"

_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 sans-serif; margin: 3rem; }}
.bar {{ position: fixed; bottom: 0; left: 0; right: 0; padding: 1rem; background: #eee; }}
</style>
<h1>{title}</h1>
<p>Green, black and white. <a href="/product">A teapot</a> <a href="/terms.pdf">Terms</a>
<a href="https://elsewhere.example/">Elsewhere</a></p>
{body}
"""

_TRACKING: Final = """
<script>
document.cookie = "_fbp=fb.1.1; path=/; max-age=7776000";
document.cookie = "_ga_X1=GS1; path=/; max-age=1800";
localStorage.setItem("visitor", "1234");
</script>
<img src="https://ads.example:{port}/pixel?visitor=1234" alt="">
"""

# What autoconsent knows as "cookieconsent3", with no more than its marks.
_KNOWN_BANNER: Final = """
<div id="cc-main"><div class="cm-wrapper bar">
<p>We value your privacy</p>
<button class="cm__btn" data-role="all">Accept all</button>
<button class="cm__btn" data-role="necessary">Reject all</button>
</div></div>
<button id="settings" data-cc="show-preferencesModal">Cookie settings</button>
<script>
const banner = document.getElementById("cc-main");
const choose = choice => {
    document.cookie = `cc_cookie=${choice}; path=/; max-age=15552000`;
    banner.hidden = true;
    banner.style.display = "none";
    track();
};
const track = () => {
    const accepted = document.cookie.includes("cc_cookie=all");
    if (accepted) document.cookie = "_gid=1; path=/; max-age=86400";
    else document.cookie = "_gid=; path=/; max-age=0";
};
if (document.cookie.includes("cc_cookie=")) banner.style.display = "none";
banner.querySelectorAll("button").forEach(
    button => button.onclick = () => choose(button.dataset.role));
document.getElementById("settings").onclick = () => banner.style.display = "block";
track();
</script>
"""

_IN_A_SCRIPT: Final = repr(_KNOWN_BANNER).replace("</", r"<\/")
_LATE_BANNER: Final = f"""
<script>addEventListener("load", () => setTimeout(() => {{
    const range = document.createRange();  // whose scripts run, unlike those of innerHTML
    document.body.append(range.createContextualFragment({_IN_A_SCRIPT}));
}}, 2000));</script>
"""

# As who has come before: there is another cookie then.
_STAYING: Final = """<script>
addEventListener("load", () => setTimeout(() => {
    const name = document.cookie.includes("_gid=") ? "_gcl_au" : "_gid";
    document.cookie = `${name}=1; path=/; max-age=3000`;
}, 1500));
</script>"""

_UNKNOWN_BANNER: Final = """
<div class="bar" id="ask"><i id="yes">✓</i> <i id="more">…</i> <i id="no" hidden>✗</i></div>
<a id="change" href="/choices">…</a>
<script>
const ask = document.getElementById("ask");
const done = choice => { document.cookie = `answer=${choice}; path=/`; ask.remove(); open("/up"); };
if (document.cookie.includes("answer=no")) ask.remove();
document.getElementById("yes").onclick = () => done("yes");
document.getElementById("more").onclick = () => document.getElementById("no").hidden = false;
document.getElementById("no").onclick = () => done("no");
</script>
"""

_IN_FRAME: Final = """
<iframe src="https://cmp.example:{port}/" style="position: fixed; bottom: 0"></iframe>
"""


# What autoconsent knows as "cookiealert", without the link by which its rule refuses.
_STUBBORN_BANNER: Final = """
<div class="cookie-alert-extended bar"><div class="cookie-alert-extended-modal">
<p>We value your privacy</p>
<button data-controller="cookie-alert/extended/button/accept">Accept</button>
</div></div>
<button id="settings">Cookie settings</button>
<script>
const banner = document.querySelector(".cookie-alert-extended");
if (document.cookie.includes("accepted=")) banner.style.display = "none";
banner.querySelector("button").onclick = () => {
    document.cookie = "accepted=1; path=/";
    location.reload();
};
document.getElementById("settings").onclick = () => banner.style.display = "block";
</script>
"""

# What autoconsent knows as "piano.io", which it looks for in frames alone.
_FRAMED_BANNER: Final = """<!doctype html>
<div id="piano-cookie_banner">
<button data-acceptance-button>Accept</button> <button data-close-button>Close</button>
</div>
<script>
const banner = document.getElementById("piano-cookie_banner");
const done = name => {
    document.cookie = `${name}=1; path=/; Secure; SameSite=None`;
    banner.remove();
};
if (/accepted|refused/.test(document.cookie)) banner.remove();
document.querySelector("[data-acceptance-button]").onclick = () => done("accepted");
document.querySelector("[data-close-button]").onclick = () => done("refused");
</script>
"""


@dataclass(frozen=True)
class Answer:
    """What a site answers."""

    body: str
    headers: tuple[Header, ...] = ()
    status: str = "200 OK"
    kind: str = "text/html; charset=utf-8"


def _page(title: str, body: str = "", *cookies: str, **headers: str) -> Answer:
    lines = [("Set-Cookie", cookie) for cookie in cookies]
    lines += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Answer(_PAGE.format(title=title, body=body), tuple(lines))


@dataclass(frozen=True)
class Request:
    """What a site is asked."""

    path: str
    cookies: dict[str, str]
    gpc: bool
    port: str
    agent: str

    def fill(self, text: str) -> str:
        """Return ``text`` with the port in it."""
        return text.replace("{port}", self.port)


def _naughty(request: Request) -> Answer:
    """Track whoever comes, whatever they chose; the banner changes nothing."""
    return _page(
        "Naughty tea",
        request.fill(_TRACKING) + _KNOWN_BANNER,
        f"_ga=GA1.1.1; Path=/; Max-Age={TWO_YEARS}",
        "session=abc; Path=/; HttpOnly",
        "mystery=1; Path=/; Max-Age=3600",
    )


def _honest(request: Request) -> Answer:
    """Store what is necessary, until the visitor accepts."""
    return _page("Honest tea", _KNOWN_BANNER, "session=abc; Path=/; HttpOnly")


def _odd(request: Request) -> Answer:
    """Ask by a banner that nobody knows, forget nothing on withdrawal, and ask who has accepted."""
    if request.path == "/choices":
        return _page("Choices", '<i id="revoke">✗</i>', "answer=no; Path=/")
    accepted = request.cookies.get("answer") == "yes"
    return _page(
        "Odd tea", _UNKNOWN_BANNER, *(["_ga=1; Path=/; Max-Age=86400"] if accepted else [])
    )


def _late(request: Request) -> Answer:
    """Ask when the page has been there for a while."""
    return _page("Late tea", _LATE_BANNER)


def _bare(request: Request) -> Answer:
    """Ask nobody anything, renew a cookie with each visit, and track who stays."""
    return _page("Bare tea", _STAYING, "_pk_id.1.1fff=1; Path=/; Max-Age=3000000")


def _ads(request: Request) -> Answer:
    """Answer a pixel with a cookie for every site."""
    cookie = "IDE=1; Path=/; Max-Age=33696000; Secure; SameSite=None"
    return Answer("", (("Set-Cookie", cookie),), kind="image/svg+xml")


def _wall(request: Request) -> Answer:
    """Offer to accept, and nothing else."""
    body = (
        '<div class="bar" role="dialog"><p>We use cookies to improve your experience. By clicking'
        ' accept you agree to our use of cookies.</p><button id="yes" '
        "onclick=\"document.cookie='seen=1; path=/'; this.parentNode.remove()\">"
        "Accept all cookies</button></div>"
    )
    return _page("Walled tea", body)


def _stubborn(request: Request) -> Answer:
    """Load the page again when accepted, and have nothing to refuse with, then or later.

    The banner shows where the entrance has led, and nowhere else.
    """
    return _behind_an_entrance(request, _page("Stubborn tea", _STUBBORN_BANNER))


def _behind_an_entrance(request: Request, inside: Answer) -> Answer:
    """Show the page inside to who has opened the first one, like a site that makes one sign in."""
    if request.path == "/":
        return _page("Entrance", "", "entered=1; Path=/")
    return inside if "entered" in request.cookies else _page("Enter first")


_HALF_A_GATE: Final = """<div id="consentgate" data-cookie="eu-consent"><div role="dialog"{}>
    <button data-cg-action="reject">Reject</button></div></div>"""


def _half(request: Request) -> Answer:
    """Have half of a ConsentGate: one button, which is dead, no preferences, no declaration."""
    if request.path.startswith("/consent"):
        return Answer("nonsense", kind="application/json")
    if request.path == "/":
        return _page("Half a gate", _HALF_A_GATE.format(" hidden"), "entered=1; Path=/")
    return _behind_an_entrance(request, _page("Half a gate", _HALF_A_GATE.format("")))


def _slow(request: Request) -> Answer:
    """Wait for a picture from a port of this machine that never answers."""
    return _page("Slow tea", f'<img src="https://silent.example:{request.path[1:]}/">')


def _framed(request: Request) -> Answer:
    """Ask within a frame of somebody else's."""
    return _page("Framed tea", request.fill(_IN_FRAME))


def _cmp(request: Request) -> Answer:
    return Answer(_FRAMED_BANNER)


_SLY: Final = """<script>
    new Worker("/worker.js");
    new WebSocket("wss://socket.example:{port}/");
    addEventListener("pagehide", () => navigator.sendBeacon("https://leave.example:{port}/"));
    document.addEventListener("visibilitychange", () => {
        const hides = document.hidden && document.visibilityState === "hidden";
        if (hides) navigator.sendBeacon("https://hide.example:{port}/");
    });
    document.cookie = "_hjid=1; path=/; max-age=99999";
    document.cookie = "_hjid=; path=/; max-age=0";
    document.cookie = "nothing=1; path=/; domain=elsewhere.example";
    cookieStore.set({name: "stored", value: "1", expires: Date.now() + 3600000});
    cookieStore.set("refused;", "1");
    for (let each = 0; each < 201; each++) sessionStorage.setItem(`k${each}`, each);
</script>"""


def _sly(request: Request) -> Answer:
    """Track where it is not looked for, and whom it does not take for a robot."""
    if request.path == "/worker.js":
        code = "fetch('https://work.example:{port}/', {mode: 'no-cors', credentials: 'include'})"
        return Answer(request.fill(code), kind="text/javascript")
    human = ["_ga=1; Path=/"] if "Headless" not in request.agent else []
    return _page("Sly tea", request.fill(_SLY), *human)


def _moved(request: Request) -> Answer:
    """Lead to another site, with what may be secret."""
    there = request.fill("https://www.bare.example:{port}/?token=hidden")
    headers = (("Location", there), ("Set-Cookie", "_fbp=1; Path=/; Max-Age=99999"))
    return Answer("", headers, status="302 Found")


def _hostile(request: Request) -> Answer:
    """Do what no page should."""
    body = """<script>
        JSON.stringify = () => "[[]]";
        Error.prepareStackTrace = () => { throw 1 };
        for (let each = 0; each < 60; each++) document.cookie = `c${each}=1; path=/`;
        for (let each = 0; each < 60; each++) localStorage.setItem(`k${each}`, each);
        addEventListener("beforeunload", event => event.preventDefault());
        document.cookie = "<script>alert(1)</sc" + "ript>\\u202e=1; path=/";
        open("/popup");
        setTimeout(() => alert("Hello"), 50);
        </script><img src=/never><b id=none style="pointer-events: none">No</b>"""
    if request.path == "/busy":
        body = "<script>setTimeout(() => { while (true); }, 50)</script>"
    if request.path == "/gone":
        return Answer("Not here", status="404 Not Found")
    return _page("Hostile tea", body)


def _nothing(request: Request) -> Answer:
    return Answer("")


SITES: Final[dict[str, Callable[[Request], Answer]]] = {
    "ads": _ads,
    "bare": _bare,
    "cmp": _cmp,
    "framed": _framed,
    "half": _half,
    "honest": _honest,
    "hostile": _hostile,
    "late": _late,
    "moved": _moved,
    "naughty": _naughty,
    "odd": _odd,
    "slow": _slow,
    "sly": _sly,
    "stubborn": _stubborn,
    "wall": _wall,
}


def _application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    host, _, port = environ["HTTP_HOST"].partition(":")
    jar = SimpleCookie(environ.get("HTTP_COOKIE", ""))
    request = Request(
        environ["PATH_INFO"],
        {name: morsel.value for name, morsel in jar.items()},
        environ.get("HTTP_SEC_GPC") == "1",
        port,
        environ.get("HTTP_USER_AGENT", ""),
    )
    site = SITES.get(host.split(".")[-2], _nothing)
    answer = Answer("", status="404 Not Found") if "icon" in request.path else site(request)
    start_response(answer.status, [("Content-Type", answer.kind), *answer.headers])
    return [answer.body.encode()]


@dataclass(frozen=True)
class Served:
    """Where the sites are."""

    port: int

    def url(self, site: str, path: str = "/") -> str:
        """Return the address of a page of a site."""
        return f"https://www.{site}.example:{self.port}{path}"


@contextmanager
def served() -> Iterator[Served]:
    """Serve all of them."""
    authority = trustme.CA()
    with tempfile.TemporaryDirectory() as folder:
        certificate = Path(folder, "certificate.pem")
        authority.issue_cert("*.example").private_key_and_cert_chain_pem.write_to_path(certificate)
        with under_werkzeug(_application, certificate) as port:
            yield Served(port)
