"""A small shop as plain WSGI. The lines marked ConsentGate are all it takes to keep it lawful."""

import os
import secrets
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs
from wsgiref.simple_server import make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from itsdangerous import BadSignature, URLSafeSerializer
from jinja2 import Environment, FileSystemLoader

from consentgate import Gate, Policy  # ConsentGate
from consentgate.pages import ConsentPages  # ConsentGate
from consentgate.wsgi import ConsentGateMiddleware, consent_from, page_request_from  # ConsentGate

HERE = Path(__file__).parent
SECRET_KEY = os.environ.get("SECRET_KEY", "only for trying it out")
DAY = 24 * 60 * 60
TITLES = {"/": "Tea shop", "/product": "Teapot"}

gate = Gate(Policy.from_file(HERE / "shop.toml"), secret_keys=[SECRET_KEY])  # ConsentGate
pages = ConsentPages(gate)  # ConsentGate
sessions = URLSafeSerializer(SECRET_KEY, salt="session")
templates = Environment(loader=FileSystemLoader(HERE), autoescape=True)


class Request:
    """What the visitor sent, and the Set-Cookie lines of the answer."""

    def __init__(self, environ: WSGIEnvironment) -> None:
        pairs = (pair.partition("=") for pair in environ.get("HTTP_COOKIE", "").split(";"))
        self.cookies = {name.strip(): value for name, _, value in pairs if value}
        length = int(environ.get("CONTENT_LENGTH") or 0)
        self.form = parse_qs(environ["wsgi.input"].read(length).decode(errors="replace"))
        self.csrf_token = self.cookies.get("csrftoken") or secrets.token_urlsafe()
        self.environ = environ
        self.set_cookies: list[str] = []
        try:
            self.session = sessions.loads(self.cookies.get("session", ""))
        except BadSignature:
            self.session = {}

    def field(self, name: str) -> str:
        """Return the value of a form's field."""
        return self.form.get(name, [""])[0]

    def forged(self) -> bool:
        """Whether a form lacks the token of its visitor's cookie."""
        sent = self.field("csrf_token")
        return not secrets.compare_digest(sent.encode(), self.csrf_token.encode())

    def set_all_cookies(self) -> None:
        """Set what shops set, with no word about consent: the gate keeps back what must stay."""
        analytics = self.cookies.get("_ga") or f"GA1.1.{secrets.randbelow(10**10)}"
        self.set_cookies += [
            f"session={sessions.dumps(self.session)}; Path=/; HttpOnly; SameSite=Lax",
            f"csrftoken={self.csrf_token}; Path=/; HttpOnly; SameSite=Lax",
            f"_ga={analytics}; Path=/; Max-Age={2 * 365 * DAY}",
            f"_fbp=fb.1.{secrets.randbelow(10**10)}; Path=/; Max-Age={90 * DAY}",
            f"ab_test=b; Path=/; Max-Age={30 * DAY}",  # forgotten in shop.toml
            "old_basket=; Path=/; Max-Age=0",
        ]


def page(request: Request, title: str) -> str:
    """Show the shop."""
    request.session["views"] = request.session.get("views", 0) + 1
    return templates.get_template("shop_jinja.html").render(
        title=title,
        user=request.session.get("user"),
        basket=request.session.get("basket", 0),
        language=request.cookies.get("language", "en"),
        cookies=" ".join(sorted(request.cookies)),
        csrf_field="csrf_token",
        csrf_token=request.csrf_token,
        consent=consent_from(request.environ),  # ConsentGate
        consent_banner=partial(pages.banner, page_request_from(request.environ)),  # ConsentGate
    )


def basket(request: Request) -> None:
    """Put a teapot into the basket."""
    request.session["basket"] = request.session.get("basket", 0) + 1


def login(request: Request) -> None:
    """Sign the visitor in, on their word."""
    request.session["user"] = request.field("user")


def logout(request: Request) -> None:
    """Sign the visitor out."""
    request.session.clear()


def language(request: Request) -> None:
    """Remember the language."""
    chosen = "fr" if request.field("language") == "fr" else "en"
    request.set_cookies.append(f"language={chosen}; Path=/; Max-Age={180 * DAY}")


FORMS: dict[str, Callable[[Request], None]] = {
    "/basket": basket,
    "/login": login,
    "/logout": logout,
    "/language": language,
}


def answer(request: Request, method: str, path: str) -> tuple[str, str]:
    """Return the status and the body."""
    if method == "POST" and path in FORMS:
        if request.forged():
            return "403 Forbidden", ""
        FORMS[path](request)
        return "303 See Other", ""
    if path in TITLES:
        return "200 OK", page(request, TITLES[path])
    return "404 Not Found", ""


def shop(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request."""
    request = Request(environ)
    status, body = answer(request, environ["REQUEST_METHOD"], environ["PATH_INFO"])
    request.set_all_cookies()
    headers = [("Set-Cookie", line) for line in request.set_cookies]
    if status.startswith("303"):
        headers.append(("Location", "/"))
    start_response(status, [("Content-Type", "text/html; charset=utf-8"), *headers])
    return [body.encode()]


app = ConsentGateMiddleware(shop, gate, pages=pages)  # ConsentGate

if __name__ == "__main__":
    make_server("127.0.0.1", int(os.environ.get("PORT", "8000")), app).serve_forever()
