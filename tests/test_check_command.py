"""The command ``consentgate check``, as developers and CI servers call it."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from consentgate.cli import main

if TYPE_CHECKING:
    from click.testing import Result

CONSOLE_SCRIPT = Path(sys.executable).with_name("consentgate")
EXAMPLES = Path(__file__).parent.parent / "examples"
NUMBERS = itertools.count()

POLICY = """
version = "1"

[[cookies]]
name = "basket"
category = "necessary"
"""
SITE = """
print("loading")

def app(environ, start_response):
    print("asked")
    path = environ["PATH_INFO"]
    status = "200 OK" if path in ("/", "/shop") else "404 Not Found"
    start_response(status, [("Set-Cookie", "basket=1"), *MORE])
    return [b'<a href="/shop">']

MORE = []
"""
GATED = """
from consentgate import Gate, Policy
from consentgate.wsgi import ConsentGateMiddleware
inner = app
app = ConsentGateMiddleware(app, Gate(Policy.from_file("consent.toml"), "key"))
"""


@pytest.fixture(name="folder", autouse=True)
def current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with a policy file, and put the import path back afterwards."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "consent.toml").write_text(POLICY)
    return tmp_path


def module(source: str = SITE, more: str = "") -> str:
    """Write a module of its own name into the folder, and return that name."""
    name = f"checked_shop_{next(NUMBERS)}"
    Path(f"{name}.py").write_text(source + more)
    return name


def check(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner(env={"COLUMNS": "80"}).invoke(main, ["check", *arguments])


def check_site(*arguments: str, more: str = "") -> Result:
    """Check an application without a gate."""
    return check(f"{module(more=more)}:app", "--policy", "consent.toml", *arguments)


UNKNOWN = 'MORE = [("Set-Cookie", "visits=1; Max-Age=60")]\n'


def test_nothing_wrong_is_0() -> None:
    """And the table says what was looked at."""
    result = check_site()
    assert 0 == result.exit_code, result.output
    assert "a gate put around it, policy 1: 2 paths in 5" in result.stdout
    assert "Nothing is wrong." in result.stdout


def test_something_wrong_is_1() -> None:
    """With one line for each finding."""
    result = check_site(more=UNKNOWN)
    assert 1 == result.exit_code
    assert "error: 'visits' has no rule in the policy; add it under [[cookies]]" in result.stdout


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--fail-on", "never"], 0),
        (["--ignore", "unregistered"], 0),
        (["--ignore", "unregistered:visits"], 0),
        (["--ignore", "unregistered:other"], 1),
        (["--ignore", "unregistered", "--path", "/", "--path", "/none", "--fail-on", "note"], 1),
        (["--ignore", "unregistered", "--path", "/", "--fail-on", "note"], 0),
        (["--path", "/none"], 1),
    ],
)
def test_what_is_wrong_enough_is_for_the_site_to_say(options: list[str], code: int) -> None:
    """By level, by kind, and by cookie."""
    assert code == check_site(*options, more=UNKNOWN).exit_code


def test_an_application_with_its_own_gate_needs_no_policy() -> None:
    """Where one is given, nothing is checked: nobody knows which is meant."""
    name = module(SITE, GATED)
    assert 0 == check(f"{name}:app").exit_code
    result = check(f"{name}:app", "--policy", "consent.toml")
    assert (2, "") == (result.exit_code, result.stdout)
    said = f"Error: '{name}:app' has a gate of its own, whose policy counts; leave out --policy\n"
    assert result.stderr.endswith(said)
    assert "a gate of its own" not in check_site().stderr


# -- Reports --------------------------------------------------------------------------------


def test_several_reports_are_written_at_once(folder: Path) -> None:
    """And the table is shown as well."""
    files = ["--json", "a.json", "--junit", "a.xml", "--sarif", "a.sarif"]
    result = check_site(*files, more=UNKNOWN)
    assert 1 == result.exit_code
    assert "1 error" in result.stdout
    assert "checked_shop" in json.loads((folder / "a.json").read_text())["application"]
    assert 1 == len(list(ET.parse(folder / "a.xml").iter("failure")))  # noqa: S314 - our own
    (log,) = json.loads((folder / "a.sarif").read_text())["runs"]
    place = log["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert {"uri": "consent.toml"} == place


def test_a_report_of_an_application_with_its_own_gate_points_at_its_file(folder: Path) -> None:
    """At the line that names the cookie."""
    name = module(SITE, f"{UNKNOWN.replace('visits=1', 'x=1')}VISITS = 'x'\n{GATED}")
    check(f"{name}:app", "--sarif", "a.sarif")
    (log,) = json.loads((folder / "a.sarif").read_text())["runs"]
    physical = log["results"][0]["locations"][0]["physicalLocation"]
    assert {"uri": f"{name}.py"} == physical["artifactLocation"]
    assert (
        "VISITS"
        in (folder / f"{name}.py").read_text().splitlines()[physical["region"]["startLine"] - 1]
    )


def test_a_report_on_standard_output_is_alone_there_whoever_else_prints() -> None:
    """Child processes, and what writes past Python, print to standard error as well."""
    loud = f"{SITE}\nimport os\nos.write(1, b'early')\nos.system('echo from a child')\n"
    name = module(loud)
    done = subprocess.run(  # noqa: S603 - our own command
        [CONSOLE_SCRIPT, "check", f"{name}:app", "--policy", "consent.toml", "--json", "-"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert f"{name}:app" == json.loads(done.stdout)["application"]
    assert "early" in done.stderr
    assert "from a child" in done.stderr


@pytest.mark.parametrize("report", ["--json", "--junit", "--sarif"])
def test_a_report_on_standard_output_is_alone_there(report: str) -> None:
    """What the application prints goes to standard error."""
    result = check_site(report, "-", more=UNKNOWN)
    assert 1 == result.exit_code
    if report == "--junit":
        ET.fromstring(result.stdout)  # noqa: S314 - it is our own
    else:
        json.loads(result.stdout)
    assert "loading\n" in result.stderr
    assert "asked\n" in result.stderr


def test_standard_output_takes_one_report() -> None:
    """Two in one are none."""
    result = check_site("--json", "-", "--junit", "-")
    assert 2 == result.exit_code
    assert "only one report can go to standard output" in result.stderr


def test_a_report_that_cannot_be_written_is_one_line(folder: Path) -> None:
    """A folder that is not there before anything is asked, the rest afterwards."""
    result = check_site("--json", "none/a.json")
    assert 2 == result.exit_code
    assert "there is no folder for 'none/a.json'; make it first" in result.stderr
    assert "asked" not in result.stderr
    result = check_site("--json", str(folder))
    assert 2 == result.exit_code
    assert f"Error: '{folder}' cannot be written: Is a directory" in result.stderr


# -- Mistakes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("app = 1", "which cannot be called"),
        ("", "names no application: module"),
        ("import sys; sys.exit(3)", "ends the program when it is imported (exit code 3)"),
        ("import no_such_thing", "needs no_such_thing, which is missing"),
        (SITE, "has no gate; give --policy"),
        (f"{SITE}{GATED}".replace("consent.toml", "x"), "x: cannot be read: No such file"),
    ],
)
def test_what_cannot_be_checked_is_2_and_one_line(source: str, said: str) -> None:
    """It names what, and the remedy."""
    result = check(f"{module(source)}:app")
    assert 2 == result.exit_code
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert said in last
    assert "Traceback" not in result.stderr


def test_what_the_application_raises_when_it_is_imported_is_shown() -> None:
    """With its own traceback, without ours, and without anything a terminal would obey."""
    name = module("def make(): raise ValueError('no \x1b[31mdatabase')\nmake()\n")
    result = check(f"{name}:app")
    assert 2 == result.exit_code
    *shown, last = result.stderr.splitlines()
    assert f"Error: '{name}:app' cannot be imported: ValueError: no \\x1b[31mdatabase" == last
    assert "Traceback (most recent call last):" == shown[0]
    assert f'{name}.py", line 2, in <module>' in shown[1]
    assert "\x1b" not in result.stderr
    assert "consentgate/" not in result.stderr


def test_a_name_that_is_none_is_one_line() -> None:
    """Whatever it is."""
    for target in ("", ":app", ".shop:app", "a b:app", "no_such_shop:app", "no_such_shop"):
        result = check(target)
        assert (2, 1) == (result.exit_code, len(result.stderr.splitlines())), result.stderr


def test_a_syntax_error_is_shown_where_it_is() -> None:
    """There is no traceback of the application's own then."""
    result = check(f"{module('def')}:app")
    assert 2 == result.exit_code
    assert "SyntaxError: invalid syntax" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--path", "shop"], "'shop' is no path; begin it with '/'"),
        (["--path", "/\n"], "is no path"),
        (["--url", "localhost"], "'localhost' is not like https://shop.example"),
        (["--url", "ftp://a.example"], "is not like https://shop.example"),
        (["--url", "https://a.example/shop"], "is not like https://shop.example"),
        (["--url", "https://a.example?x"], "is not like https://shop.example"),
        (["--url", "https://["], "is not like https://shop.example"),
        (["--url", "https://xn--a"], "'https://xn--a' is not like https://shop.example"),
        (["--ignore", "nothing"], "'nothing' is no kind of finding; there are unregistered, "),
        (["--timeout", "0"], "0"),
        (["--policy", "none.toml"], "none.toml: cannot be read: No such file"),
        (["--scenario", "no_such_module:play"], "'no_such_module:play' cannot be imported: Mod"),
        (["--scenario", "math:pi"], "'math:pi' cannot be called"),
    ],
)
def test_a_mistake_in_the_call_is_2(options: list[str], said: str) -> None:
    """Nothing is asked then."""
    result = check_site(*options)
    assert 2 == result.exit_code
    assert said in result.stderr
    assert "asked\n" not in result.stderr


# -- What is asked --------------------------------------------------------------------------


def test_a_scenario_is_imported_from_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the application is."""
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    name = module("def play(client): client.get('/played')")
    result = check_site("--scenario", f"{name}:play", "--json", "-")
    assert "/played" in {line["path"] for line in json.loads(result.stdout)["lines"]}


def test_more_than_all_routes_can_be_asked() -> None:
    """--also adds where --path replaces."""
    result = check_site("--also", "/odd?page=7", "--json", "-")
    asked = json.loads(result.stdout)["paths"]
    assert ("/", "/odd?page=7") == (asked[0], asked[-1])


def test_what_is_not_asked_is_said() -> None:
    """For want of a path, and for there are too many."""
    flask = """
import flask
app = flask.Flask(__name__)
for number in range(7):
    app.add_url_rule(f"/{number}", f"a{number}", lambda: "")
    app.add_url_rule(f"/{number}/<x>", f"b{number}", lambda x: "", subdomain="other")
"""
    result = check(f"{module(flask)}:app", "--policy", "consent.toml", "--max-paths", "5")
    assert (
        "note: Not asked, because no path is known: other|/0/<x>, other|/1/<x>, other|/2/<x> ... "
        "[not-asked; other|/0/<x>]\n"
        "note: Not asked, because of --max-paths: 3 more paths [not-asked]\n"
    ) in result.stdout
    assert "  not-asked: Say a path with --also; " in result.stdout
    assert "" == result.stderr


POSTS = """
import flask
app = flask.Flask(__name__)

@app.get("/")
def home():
    return "", {"Set-Cookie": "basket=1"}

@app.post("/login")
def login():
    return "", {"Set-Cookie": "basket=1"}

@app.get("/logout")
def logout():
    raise SystemExit("gone")

def play(client):
    client.post("/login")
"""


def test_what_needs_more_than_a_get_is_for_a_scenario() -> None:
    """And what ends the visit is asked for where that is wanted alone."""
    name = module(POSTS)
    arguments = (f"{name}:app", "--policy", "consent.toml")
    shown = check(*arguments).stdout
    assert "note: Not asked, because no GET reaches it: POST /login [" in shown
    assert "note: Not asked, because it may end or delete something: /logout [" in shown
    shown = check(*arguments, "--scenario", f"{name}:play").stdout
    assert "POST /login" not in shown
    assert "/logout [not-asked" in shown
    shown = check(*arguments, "--also", "/logout").stdout
    assert "warning: /logout could not be checked" in shown
    assert "/logout [not-asked" not in shown


HOSTS = """
import flask
app = flask.Flask(__name__)
app.config["TRUSTED_HOSTS"] = %r

@app.get("/")
def home():
    return flask.request.host, {"Set-Cookie": "basket=1"}
"""


@pytest.mark.parametrize("hosts", [["shop.example"], ["shop.example", "localhost"]])
def test_it_is_asked_under_a_host_that_it_answers_to(hosts: list[str]) -> None:
    """Else it would answer nothing but 400."""
    name = module(HOSTS % hosts)
    assert 0 == check(f"{name}:app", "--policy", "consent.toml").exit_code
    result = check(f"{name}:app", "--policy", "consent.toml", "--url", "https://other.example/")
    assert 1 == result.exit_code
    assert "nothing-answered" in result.stdout


def test_help_fits_80_columns() -> None:
    """And says what the exit codes are."""
    result = check("--help")
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "2 it could not be checked" in result.stdout


# -- The examples, as their users would check them -------------------------------------------


def check_example(target: str, folder: Path = EXAMPLES, **environment: str) -> tuple[int, str]:
    """Run the command in another process, and return its exit code and its output."""
    done = subprocess.run(  # noqa: S603 - our own command
        [CONSOLE_SCRIPT, "check", target],
        cwd=folder,
        env={**os.environ, "COLUMNS": "80", "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize("shop", ["flask_shop", "fastapi_shop", "starlette_shop", "wsgi_shop"])
def test_the_examples_are_not_quite_right(shop: str) -> None:
    """Each sets a cookie that it forgot to declare, and one that lives too long."""
    code, table = check_example(f"{shop}:app")
    assert 1 == code
    assert "its own gate, policy 2026-11" in table
    assert "error: 'ab_test' has no rule in the policy" in table
    assert "error: '_ga' asks for 730 days" in table
    assert "error: 'language' is declared, and was never set" in table
    assert "\n3 errors" in table


def test_the_django_example_is_not_quite_right() -> None:
    """Flask's session is declared in the common policy file, and not Django's."""
    code, table = check_example("django_shop:app")
    assert 1 == code
    assert "error: 'session' is declared, and was never set" in table
    assert "\n4 errors" in table


SETTINGS = """
SECRET_KEY = "key"
ALLOWED_HOSTS = [".shop.example"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["django_consentgate"]
MIDDLEWARE = ["django_consentgate.middleware.ConsentGateMiddleware"]
CONSENTGATE = {"POLICY": "consent.toml"}
"""
URLS = """
from django.http import HttpResponse
from django.urls import path

def view(request, number=0):
    response = HttpResponse(request.get_host())
    response.set_cookie("basket", "1")
    response.set_cookie("step" if number else "home", "1")
    return response

urlpatterns = [path("", view), path("product/<int:number>", view)]
"""


def test_a_django_site_is_checked_by_its_settings(folder: Path) -> None:
    """Over its map of URLs, under a host that it answers to."""
    (folder / "shop_settings.py").write_text(SETTINGS)
    (folder / "urls.py").write_text(URLS)
    code, table = check_example("shop_settings", folder)
    assert 1 == code
    assert "(WSGI, Django), its own gate, policy 1: 2 paths" in table
    assert "[unregistered; /product/1]" in table
    assert "\n2 errors." in table
    (folder / "urls.py").write_text("import nothing_at_all")
    code, table = check_example("shop_settings", folder)
    assert (2, "") == (code, table)


def test_an_application_has_a_file_or_else_its_name() -> None:
    """What is typed into an interpreter has none."""
    name = module(SITE, GATED)
    check(f"{name}:app")
    del sys.modules[name].__file__
    result = check(f"{name}:app", "--sarif", "-")
    assert 0 == result.exit_code
