"""What README.md shows is what happens."""

from __future__ import annotations

import re
import runpy
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import werkzeug.test
from click.testing import CliRunner
from starlette.testclient import TestClient

from consentgate import Gate, Policy
from consentgate.cli import main
from consentgate.duration import DAY
from consentgate.testing import consent_cookie, deposits_cookie
from consentgate.wsgi import ConsentGateMiddleware

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the code blocks of ``language``, in order."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def lines_of(block: str) -> list[str]:
    """Return the Set-Cookie lines of a block, without what differs each time."""
    return [without_chance(line) for line in re.findall(r"Set-Cookie: (.*)", block)]


def without_chance(line: str) -> str:
    """Return ``line`` without its value, and without the clock in its date."""
    name, _, attributes = line.partition("; ")
    return f"{name.partition('=')[0]}; {re.sub('Expires=[^;]*', 'Expires', attributes)}"


@pytest.fixture
def policy_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the policy of the README into an empty folder, and go there."""
    (text,) = blocks("toml")
    file = tmp_path / "consent.toml"
    file.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return file


def test_the_commands_stand_at_the_top() -> None:
    """Within the first screen: make demo and make test."""
    head = README[:600]
    assert "make demo" in head
    assert "make test" in head


def test_the_first_screen_tells_the_truth() -> None:
    """The headers without the gate, with it, after a yes and after a no are the shop's own."""
    without, gated, granted, withdrawn = blocks("http")
    shop = runpy.run_path(str(ROOT / "examples" / "flask_shop.py"))["app"]
    gate = shop.extensions["consentgate"]
    assert isinstance(shop.wsgi_app, ConsentGateMiddleware)
    assert sorted(lines_of(without)) == sorted(shown(shop.wsgi_app.app))
    assert sorted(lines_of(gated)) == sorted(shown(shop.wsgi_app))
    today = gate.clock() // DAY * DAY
    yes = "=".join(consent_cookie(gate, ["statistics"]))
    dates = "=".join(deposits_cookie(gate, {"_ga": today - 100 * DAY}))
    first, later = lines_of(granted)
    assert first in shown(shop.wsgi_app, yes)
    _, _, max_age, _ = later.split("; ")
    (again,) = (
        line for line in shown(shop.wsgi_app, f"{yes}; _ga=1; {dates}") if line.startswith("_ga;")
    )
    seconds = int(again.split("; ")[2].removeprefix("Max-Age="))
    assert DAY > int(max_age.removeprefix("Max-Age=")) - seconds >= 0
    no = "=".join(consent_cookie(gate, []))
    assert set(lines_of(withdrawn)) <= set(shown(shop.wsgi_app, f"{no}; _ga=1"))


def shown(app: Any, cookie: str = "") -> list[str]:
    """Return the lines that a visitor gets, but for the deletion that the README leaves out."""
    headers = {"Cookie": cookie, "Host": "shop.example"}
    environ = werkzeug.test.EnvironBuilder(path="/", headers=headers).get_environ()
    if not isinstance(app, ConsentGateMiddleware):  # templates ask about consent
        app = ConsentGateMiddleware(app, Gate(Policy("1", mode="report"), "key"))
    answer = werkzeug.test.run_wsgi_app(app, environ, buffered=True)
    lines = [without_chance(line) for line in answer[2].getlist("Set-Cookie")]
    return [line for line in lines if not line.startswith("old_basket")]


def test_the_policy_is_one(policy_file: Path) -> None:
    """The TOML block is a policy file without a mistake."""
    assert tomllib.loads(policy_file.read_text(encoding="utf-8"))
    rule = Policy.from_file(policy_file).rule_for("_ga_X1")
    assert rule is not None
    assert "statistics" == rule.category


def test_flask_as_shown(policy_file: Path) -> None:
    """The Flask snippet runs, and its view asks; the visitor's pages are there."""
    app = run(python_block("from flask import Flask"), str(policy_file.parent / "app.py"))["app"]
    client = app.test_client()
    assert "not counted" in client.get("/").text
    client.post("/consent/", data={"choice": "accept_all"})
    assert "are counted" in client.get("/").text


def test_fastapi_as_shown(policy_file: Path) -> None:
    """The FastAPI snippet runs, and its view asks; the visitor's pages are there."""
    app = run(python_block("FastAPI()"), str(policy_file.parent / "app.py"))["app"]
    client = TestClient(app)
    assert "not counted" in client.get("/").text
    client.post("/consent/", data={"choice": "accept_all"})
    assert "are counted" in client.get("/").text


def test_wsgi_as_shown(policy_file: Path) -> None:
    """The snippet for any application wraps one."""
    assert policy_file.exists()
    names = run(python_block("old key"), "app.py", app=lambda environ, start_response: [])
    assert isinstance(names["app"], ConsentGateMiddleware)
    pages = names["app"].pages
    listed = re.findall(r"(?:GET|POST) (/[a-z./-]*)`|, `(/consent/[a-z.]+)`", README)
    assert {path or other for path, other in listed} <= pages.paths


def python_block(marker: str) -> str:
    """Return the Python block that holds ``marker``."""
    (block,) = (block for block in blocks("python") if marker in block)
    return block


def run(code: str, file: str, **names: Any) -> dict[str, Any]:
    """Run ``code`` as the file it would be in, and return its names."""
    namespace = {"__name__": "app", "__file__": file, **names}
    exec(compile(code, file, "exec"), namespace)  # noqa: S102 - it is our own README
    return namespace


def test_the_explanation_is_the_commands_own(policy_file: Path) -> None:
    """What `consentgate explain` is shown to print, it prints."""
    (block,) = (block for block in blocks("console") if "explain consent.toml" in block)
    command, _, printed = block.partition("\n")
    arguments = shlex.split(command.removeprefix("$ consentgate "), comments=True)
    result = CliRunner().invoke(main, arguments)
    assert printed == result.output


def test_links_lead_somewhere() -> None:
    """Every file that the README links to is there."""
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [] == [link for link in links if not (ROOT / link).exists()]
