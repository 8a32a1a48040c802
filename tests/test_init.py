"""``consentgate init``: a first policy file, from the cookies that an application sets."""

from __future__ import annotations

import itertools
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from checked_sites import THIRTEEN_MONTHS, check_lines, run, wsgi_app
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from consentgate import Policy
from consentgate.catalogue import entries
from consentgate.check.summary import CookieSummary, summaries
from consentgate.cli import main
from consentgate.duration import parse_duration
from consentgate.init import draft
from consentgate.init.draft import in_duration
from consentgate.policy_file import load_preset, preset_names

if TYPE_CHECKING:
    from click.testing import Result

NUMBERS = itertools.count()
LAWS = [name for name in preset_names() if "mode" in load_preset(name)]


def cookie(name: str, lifetime: int | None = None, *paths: str) -> CookieSummary:
    """Return what was seen of a cookie."""
    return CookieSummary(name, None, None, None, True, lifetime, None, {}, (), paths or ("/",))


def drafted(*cookies: CookieSummary, **settings: Any) -> str:
    """Return the policy file for these cookies."""
    own = Policy("2026-11", **{"preset": "fr", **settings})
    return draft(cookies, own, title="What shop:app may store.").text


def loaded(text: str) -> Policy:
    """Return the policy of a file's text."""
    return Policy.from_mapping(tomllib.loads(text))


def uncommented(text: str, category: str = "functional") -> str:
    """Do what a developer does who knows what the unknown cookies are for."""
    rules = re.sub(r"^#(?! )", "", text, flags=re.MULTILINE)
    return rules.replace('category = ""', f'category = "{category}"')


# -- The file -------------------------------------------------------------------------------


def test_the_file_is_readable() -> None:
    """Guesses of the catalogue are rules to review, what nobody knows is a comment."""
    text = drafted(
        cookie("_ga", 63_072_000),
        cookie("_ga_X1", 3600, "/", "/shop", "/help", "/tea"),
        cookie("visits"),
        cookie("order", 7_776_000),
        cookie("eu-consent"),
        cookie("a*"),
    )
    assert """\
# What shop:app may store.
# Written by `consentgate init`: a first draft. Look at every line marked `review:`, for
# categories are guesses, and only you know what your cookies are for.
version = "2026-11" # a new version asks every visitor again
preset = "fr" # review: the law that your visitors are under
unregistered = "strip" # a cookie without a rule never leaves

[[cookies]]
name = "_ga" # seen on /
category = "statistics" # review: a guess of the catalogue of known cookies
max_age = "13 months" # review: its limit; it asks for 730 days
vendor = "Google Analytics"
""" == text[: text.index("# review: the catalogue's words")]
    assert 'name = "_ga_*" # seen as _ga_X1 on /, /shop, /help and 1 more' in text
    assert 'max_age = "1 hour" # review: from its first deposit on; more if it is to slide' in text
    assert text.endswith(
        """\

# review: eu-consent is what the gate calls a cookie of its own.
# Set cookie_name above, or rename this one; it never leaves otherwise.

# review: no rule can be for a*. Rename it; it never leaves otherwise.

# review: nobody knows what this one is for. The gate strips it until it is declared.
#[[cookies]]
#name = "visits" # seen on /
#category = "" # one of necessary, functional, statistics, advertising, social
#max_age = "session" # it has no lifetime now
#purpose.en = ""

# review: nobody knows what this one is for. The gate strips it until it is declared.
#[[cookies]]
#name = "order" # seen on /
#category = "" # one of necessary, functional, statistics, advertising, social
#max_age = "90 days" # as long as it asks for
#purpose.en = ""
"""
    )


def test_the_framework_s_own_cookies_are_not_repeated() -> None:
    """The adapter declares them."""
    text = drafted(cookie("sessionid"), cookie("csrftoken", 3600), frameworks=["django"])
    assert "# Known to ConsentGate, and exempt: sessionid, csrftoken." in text
    assert () == loaded(text).cookies


def test_no_rule_takes_a_framework_s_cookie_away() -> None:
    """A pattern of the catalogue that would is not used; the site's own rules come first (R8)."""
    own = Policy("1").with_framework("django", {"sessionid": "_ga_session"})
    text = draft([cookie("_ga_X1"), cookie("_ga_session")], own, title="").text
    assert ["_ga_X1"] == [rule.name for rule in loaded(text).cookies]


def test_what_is_unknown_becomes_a_rule_once_somebody_knows() -> None:
    """The comment is one, but for its category."""
    text = drafted(cookie("visits", 90), cookie("odd'\"name\\"), cookie("_ga", 60))
    assert ["_ga"] == [rule.name for rule in loaded(text).cookies]
    policy = loaded(uncommented(text))
    assert ["_ga", "visits", "odd'\"name\\"] == [rule.name for rule in policy.cookies]
    assert [60, 90, "session"] == [rule.max_age for rule in policy.cookies]


def test_an_exempt_guess_says_when_it_is_one() -> None:
    """Necessary is what visitors ask for, and not what the site finds useful."""
    text = drafted(cookie("PHPSESSID"))
    assert 'category = "necessary" # review: a guess; exempt only where visitors ask' in text


@pytest.mark.parametrize("law", LAWS)
def test_every_cookie_of_the_catalogue_makes_a_rule(law: str) -> None:
    """Under every law, within its limit, and governing the cookie that it was made for."""
    names = [re.sub(r"[*?]", "x", entry.pattern) for entry in entries()]
    text = drafted(*(cookie(name, 10**9) for name in names), preset=law)
    policy = loaded(text)
    assert [] == [name for name in names if policy.rule_for(name) is None]
    assert {policy.limit(rule) for rule in policy.cookies} == {
        rule.max_age for rule in policy.cookies
    }


@given(st.integers(1, 2 * THIRTEEN_MONTHS))
def test_durations_are_exact(seconds: int) -> None:
    """To the second, in words that a policy takes."""
    assert seconds == parse_duration(in_duration(seconds))


names = st.text(min_size=1, max_size=20) | st.sampled_from(
    [
        "_ga",
        "_ga_X1",
        "_pk_id.1.abcd",
        "sessionid",
        "eu-consent",
        "a*",
        'a"b',
        "_hjSession_1",
        "x" * 300,
    ]
)
lives = st.none() | st.integers(1, 10**10)
paths = st.text(max_size=20).map("/{}".format)


@given(st.lists(st.builds(cookie, names, lives, paths), max_size=6), st.sampled_from(LAWS))
@settings(max_examples=80)
def test_the_file_loads_whatever_was_seen(cookies: list[CookieSummary], law: str) -> None:
    """As it is, and with its comments made rules; each cookie then has a rule or none can be."""
    own = Policy("2026-11", preset=law)
    unique = list({each.name: each for each in cookies}.values())
    written = draft(unique, own, title="\x00\n[")
    policy = loaded(written.text)
    known = [each.name for each in unique if policy.rule_for(each.name) is not None]
    assert len(policy.cookies) == len(written.guessed)
    assert {*written.unknown, *written.impossible} - {"eu-consent"} == {
        each.name for each in unique if each.name not in known
    }
    whole = loaded(uncommented(written.text))
    assert {*written.guessed, *written.unknown} == {rule.name for rule in whole.cookies}


def test_a_life_is_the_longest_that_was_seen() -> None:
    """Of all cookies of a family, and of all paths."""
    lines = ["_ga_X1=1; Max-Age=60", "_ga_X2=1; Max-Age=120", "_ga_X2=1", "_ga_X3=; Max-Age=0"]
    seen = run(wsgi_app(lines), policy=Policy("1"))
    text = drafted(*(each for each in summaries(seen.sightings) if each.is_set))
    assert [120] == [rule.max_age for rule in loaded(text).cookies]
    assert "_ga_X3" not in text


# -- The command ----------------------------------------------------------------------------

FLASK = """
import flask
app = flask.Flask(__name__)
app.secret_key = "key"

@app.get("/")
def home():
    print("asked")
    flask.session["user"] = 1
    response = flask.make_response("hello")
    response.set_cookie("_ga", "SECRETVALUE", max_age=60)
    response.set_cookie("_gid", "SECRETVALUE", max_age=60)
    response.set_cookie("visits", "SECRETVALUE", max_age=86400)
    return response

@app.get("/shop")
def shop():
    response = flask.make_response("hello")
    response.set_cookie("_ga_X1", "SECRETVALUE", expires=0 if flask.request.args else None)
    return response
"""
STARLETTE = """
from starlette.applications import Starlette
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

def home(request):
    request.session["user"] = 1
    response = PlainTextResponse("hello")
    for name in ("_ga", "_ga_X1", "_gid", "visits"):
        response.set_cookie(name, "SECRETVALUE", max_age=86400)
    return response

app = Starlette(routes=[Route("/", home)])
app.add_middleware(SessionMiddleware, secret_key="key", session_cookie="sid")
"""
PLAIN = """
def app(environ, start_response):
    start_response("200 OK", [])
    return []
"""
GATES = {
    FLASK: """
import flask_consentgate
app.config["CONSENTGATE_POLICY"] = "consent.toml"
flask_consentgate.ConsentGate(app)
""",
    STARLETTE: """
import starlette_consentgate
app.add_middleware(starlette_consentgate.ConsentGateMiddleware, policy="consent.toml",
                   secret_keys=["key"])
""",
}


@pytest.fixture(name="folder", autouse=True)
def current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder of its own, and put the import path back afterwards."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def module(source: str = FLASK) -> str:
    """Write a module of its own name into the folder, and return what to call it."""
    name = f"drafted_shop_{next(NUMBERS)}"
    Path(f"{name}.py").write_text(source)
    return f"{name}:app"


def init(*arguments: str, sent: str | None = None) -> Result:
    """Run the command."""
    return CliRunner(env={"COLUMNS": "80"}).invoke(main, ["init", *arguments], input=sent)


def check(*arguments: str) -> Result:
    """Run the other command."""
    return CliRunner(env={"COLUMNS": "80"}).invoke(main, ["check", *arguments])


def test_the_file_is_written_and_the_next_steps_are_told(folder: Path) -> None:
    """What it has in it, how to put the gate in, and how to go on."""
    target = module()
    result = init(target, "--preset", "fr")
    assert 0 == result.exit_code, result.output
    assert (
        """\
asked
asked
asked
consent.toml has:
  3 guessed from the catalogue, to review: _ga, _ga_*, _gid
  1 unknown, comments until you say what they are for: visits
  1 known to ConsentGate, exempt: session

Next: look at what is marked `review:`, put the gate in, and see what it does:

app.config["CONSENTGATE_POLICY"] = "consent.toml"
flask_consentgate.ConsentGate(app)

"""
        f"consentgate check {target}\n"
    ) == re.sub(r"(asked\n)+", "asked\n" * 3, result.stderr)
    assert "" == result.stdout
    text = (folder / "consent.toml").read_text()
    assert f"# What {target} may store." in text
    assert "SECRETVALUE" not in text
    assert "fr" == Policy.from_file("consent.toml").preset


@pytest.mark.parametrize(
    ("output", "named"),
    [("consent.toml", "../consent.toml"), ("-", "../consent.toml"), ("{folder}/a.toml", None)],
)
def test_flask_is_told_the_file_from_where_it_looks(
    folder: Path, output: str, named: str | None
) -> None:
    """From the folder of the module: the application may be in a package."""
    package = folder / f"drafted_shop_{next(NUMBERS)}"
    package.mkdir()
    (package / "site.py").write_text(FLASK)
    file = output.format(folder=folder)
    told = init(f"{package.name}.site:app", "--preset", "fr", "--output", file).stderr
    assert f'app.config["CONSENTGATE_POLICY"] = "{named or file}"\n' in told


def test_others_are_told_the_file_as_it_was_named() -> None:
    """FastAPI's `root_path` is no folder, but where a proxy has it."""
    source = 'from fastapi import FastAPI\napp = FastAPI()\napp.root_path = "/api"\n'
    assert 'policy="consent.toml"' in init(module(source), "--preset", "fr").stderr


@pytest.mark.parametrize("source", [FLASK, STARLETTE], ids=["flask", "starlette"])
def test_with_that_file_only_the_unknown_is_unregistered(source: str) -> None:
    """Once the gate is in, as the next steps say; and nothing is, once it is declared."""
    assert 0 == init(module(source), "--preset", "fr").exit_code
    gated = module(source + GATES[source])
    result = check(gated)
    unregistered = [line for line in result.stdout.splitlines() if "[unregistered;" in line]
    assert 1 == len(unregistered), result.output
    assert unregistered[0].startswith("error: 'visits' has no rule")
    file = Path("consent.toml")
    file.write_text(uncommented(file.read_text()))
    assert "[unregistered" not in check(module(source + GATES[source])).stdout


def test_the_file_can_go_to_standard_output(folder: Path) -> None:
    """Alone, whatever the application prints."""
    result = init(module(), "--preset", "fr", "--output", "-")
    assert 0 == result.exit_code
    assert ["_ga", "_ga_*", "_gid"] == [rule.name for rule in loaded(result.stdout).cookies]
    assert "The policy has:" in result.stderr
    assert 'CONSENTGATE_POLICY"] = "consent.toml"' in result.stderr
    assert not (folder / "consent.toml").exists()


def test_an_existing_file_stays_as_it_is() -> None:
    """Unless it may be replaced; nothing is asked before that is known."""
    Path("consent.toml").write_text("mine")
    result = init(module())
    assert 2 == result.exit_code
    assert (
        "Error: 'consent.toml' is there already; give another --output, or --force\n"
        == result.stderr
    )
    assert "mine" == Path("consent.toml").read_text()
    assert 0 == init(module(), "--preset", "fr", "--force").exit_code
    assert "mine" not in Path("consent.toml").read_text()


def test_it_asks_for_what_it_is_not_told() -> None:
    """The framework, where the application is, and the law."""
    answers = "flask\n" + module() + "\nfr\n"
    result = init(sent=answers)
    assert 0 == result.exit_code, result.output
    assert "Which framework (flask, django, starlette, other) [other]: " in result.stderr
    assert "Where is it (shop.app:app, or shop.app:create_app()): " in result.stderr
    assert "Which law are your visitors under (es, eu, fr, " in result.stderr
    assert "fr" == Policy.from_file("consent.toml").preset


def test_a_question_without_an_answer_is_the_end() -> None:
    """In CI nobody answers."""
    assert 1 == init(sent="").exit_code
    assert not Path("consent.toml").exists()


def test_an_application_with_a_gate_is_told_so() -> None:
    """Its rules are not repeated from its policy, but compared by its developer."""
    Path("consent.toml").write_text('version = "1"\n')
    result = init(module(FLASK + GATES[FLASK]), "--preset", "fr", "--output", "new.toml")
    assert 0 == result.exit_code, result.output
    assert "what the policy of\nthe application's own gate does not have." in result.stderr
    assert ["_ga", "_ga_*", "_gid"] == [rule.name for rule in Policy.from_file("new.toml").cookies]


def test_an_application_without_cookies_has_a_short_file() -> None:
    """Of a framework that nobody knows, the protocol's own middleware is told."""
    result = init(module(PLAIN), "--preset", "fr")
    assert "No cookie was set on any path.\n" in result.stderr
    assert "app = consentgate.wsgi.ConsentGateMiddleware(app, gate)" in result.stderr
    assert () == Policy.from_file("consent.toml").cookies


def test_paths_can_be_given() -> None:
    """Then only these are asked for."""
    init(module(), "--preset", "fr", "--path", "/shop")
    assert ["_ga_*"] == [rule.name for rule in Policy.from_file("consent.toml").cookies]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no_such_shop:app"], "Error: there is no module 'no_such_shop'"),
        (["x:app", "--output", "none/x.toml"], "there is no folder for 'none/x.toml'"),
        (["x:app", "--path", "x"], "begin it with '/'"),
    ],
)
def test_a_mistake_is_2(arguments: list[str], said: str) -> None:
    """And one line."""
    result = init("--preset", "fr", *arguments)
    assert 2 == result.exit_code
    assert said in result.stderr.splitlines()[-1]


def test_an_application_that_does_not_start_writes_no_file() -> None:
    """One line says why."""
    source = """
async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed"})
"""
    result = init(module(source), "--preset", "fr")
    assert 2 == result.exit_code
    assert "does not start: " in result.stderr.splitlines()[-1]
    assert not Path("consent.toml").exists()


def test_help_fits_80_columns() -> None:
    """With the laws that there are."""
    result = init("--help")
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert all(law in result.stdout for law in LAWS)


def test_what_a_site_sets_is_never_in_the_file() -> None:
    """Names and lives are, and paths."""
    seen = check_lines(["visits=SECRETVALUE; Path=/SECRETVALUE"])
    assert "SECRETVALUE" not in drafted(*summaries(seen.sightings))


def test_what_is_behind_a_sign_in_is_drafted_too(folder: Path) -> None:
    """A scenario gets there; one that fails is told, and what was seen is written."""
    Path("steps.py").write_text(
        "def sign_in(client): client.post('/sign-in')\ndef fall(client): raise KeyError\n"
    )
    signing_in = """
import flask
app = flask.Flask(__name__)
@app.post("/sign-in")
def sign_in():
    response = flask.Response()
    response.set_cookie("_fbp", "1")
    return response
"""
    target = module(signing_in)
    steps = init(target, "--preset", "fr", "--scenario", "steps:sign_in", "--output", "-")
    assert '_fbp"' in steps.stdout
    assert "POST /sign-in" not in steps.stderr
    failed = init(target, "--preset", "fr", "--scenario", "steps:fall", "--output", "-")
    assert (
        "Not asked, because no GET reaches it: POST /sign-in\n"
        "  Say a path with --also; show the check with --scenario what needs more than a GET.\n\n"
    ) in failed.stderr
    assert "The scenario failed: KeyError (steps.py, line 2)" in failed.stderr
    assert 0 == failed.exit_code
