"""A small shop with Flask. The lines marked ConsentGate are all it takes to keep it lawful."""

import os
import secrets

from flask import Flask, Response, abort, g, redirect, render_template, request, session
from werkzeug.wrappers import Response as AnyResponse

from flask_consentgate import ConsentGate  # ConsentGate

DAY = 24 * 60 * 60

app = Flask(__name__, template_folder=".")
app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY", "only for trying it out")
app.config["CONSENTGATE_POLICY"] = "shop.toml"  # ConsentGate
ConsentGate(app)  # ConsentGate


@app.before_request
def check_csrf_token() -> None:
    """Refuse a form without the token of its visitor's cookie."""
    g.csrf_token = request.cookies.get("csrftoken") or secrets.token_urlsafe()
    sent = request.form.get("csrf_token", "")
    if request.method == "POST" and not secrets.compare_digest(
        sent.encode(), g.csrf_token.encode()
    ):
        abort(403)


@app.after_request
def set_cookies(response: Response) -> Response:
    """Set what shops set, with no word about consent: the gate keeps back what may not leave."""
    response.set_cookie("csrftoken", g.csrf_token, httponly=True, samesite="Lax")
    analytics = request.cookies.get("_ga") or f"GA1.1.{secrets.randbelow(10**10)}"
    response.set_cookie("_ga", analytics, max_age=2 * 365 * DAY)
    response.set_cookie("_fbp", f"fb.1.{secrets.randbelow(10**10)}", max_age=90 * DAY)
    response.set_cookie("ab_test", "b", max_age=30 * DAY)  # forgotten in shop.toml
    response.delete_cookie("old_basket")
    return response


def page(title: str) -> str:
    """Show the shop."""
    session["views"] = session.get("views", 0) + 1
    return render_template(
        "shop_jinja.html",
        title=title,
        user=session.get("user"),
        basket=session.get("basket", 0),
        language=request.cookies.get("language", "en"),
        cookies=" ".join(sorted(request.cookies)),
        csrf_field="csrf_token",
        csrf_token=g.csrf_token,
    )  # ConsentGate gives every template `consent` and `consent_banner()`


@app.get("/")
def home() -> str:
    """Show the first page."""
    return page("Tea shop")


@app.get("/product")
def product() -> str:
    """Show the product."""
    return page("Teapot")


@app.post("/basket")
def basket() -> AnyResponse:
    """Put a teapot into the basket."""
    session["basket"] = session.get("basket", 0) + 1
    return redirect("/", 303)


@app.post("/login")
def login() -> AnyResponse:
    """Sign the visitor in, on their word."""
    session["user"] = request.form["user"]
    return redirect("/", 303)


@app.post("/logout")
def logout() -> AnyResponse:
    """Sign the visitor out."""
    session.clear()
    return redirect("/", 303)


@app.post("/language")
def language() -> AnyResponse:
    """Remember the language."""
    response = redirect("/", 303)
    chosen = "fr" if request.form["language"] == "fr" else "en"
    response.set_cookie("language", chosen, max_age=180 * DAY)
    return response


if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", "8000")))
