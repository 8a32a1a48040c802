"""What the gate decides, seen through the plainest front there is."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from additions import without_additions
from hypothesis import given
from hypothesis import strategies as st

from consentgate import (
    Category,
    Consent,
    CookieBlocked,
    CookieRule,
    Gate,
    Policy,
    Route,
    Verdict,
)
from consentgate.consent import allowed_categories
from consentgate.duration import DAY, months
from consentgate.testing import NOW, consent_cookie, deposits_cookie
from consentgate.wsgi import ConsentGateMiddleware, consent_from

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RULES = [
    CookieRule("session", "necessary"),
    CookieRule("test", "necessary", max_age="session"),
    CookieRule("_ga*", "statistics", max_age="2 hours"),
    CookieRule("_fbp", "advertising"),
]
OPT_OUT = [Category("advertising", basis="opt-out")]


class Environ(dict[str, Any]):
    """A WSGI environ that notes which of its keys are read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.read: Counter[str] = Counter()

    def __getitem__(self, key: str) -> Any:
        self.read[key] += 1
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return what is under ``key``, noting the question."""
        self.read[key] += 1
        return super().get(key, default)


@dataclass
class Answer:
    """What a visitor gets, what the application saw, and what the gate wanted to know."""

    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    saw: str = ""
    read: Counter[str] = field(default_factory=Counter[str])

    def values(self, name: str) -> list[str]:
        """Return the values of the headers called ``name``."""
        return [value for key, value in self.headers if key == name]

    @property
    def set_cookies(self) -> list[str]:
        """The Set-Cookie lines, in order, without those that the gate adds."""
        return without_additions(self.values("Set-Cookie"))


def ask(
    gate: Gate,
    *lines: str,
    cookie: str = "",
    path: str = "/",
    signals: Mapping[str, str] | None = None,
    secure: bool = False,
    decide: Callable[[Consent], object] | None = None,
) -> Answer:
    """Ask an application that sends ``lines``, after it did ``decide`` with the consent."""
    answer = Answer()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        answer.saw = environ.get("HTTP_COOKIE", "")
        answer.read = Counter(environ.read)
        environ.read.clear()
        if decide is not None:
            decide(consent_from(environ))
        start_response("200 OK", [("Set-Cookie", line) for line in lines])
        return []

    environ = Environ({"PATH_INFO": path, "wsgi.url_scheme": "https" if secure else "http"})
    if cookie:
        environ["HTTP_COOKIE"] = cookie
    environ.update(signals or {})

    def start_answer(status: str, headers: Any, exc_info: Any = None) -> Any:
        answer.headers.extend(headers)

    ConsentGateMiddleware(app, gate)(environ, start_answer)
    answer.read += environ.read
    return answer


def make_gate(verdicts: list[Verdict] | None = None, *, now: float = NOW, **changes: Any) -> Gate:
    """Return a gate of the rules above, with changes to its policy."""
    policy = Policy(**{"version": "1", "cookies": RULES, **changes})
    heard = [] if verdicts is None else verdicts
    return Gate(policy, "key", on_verdict=heard.append, clock=lambda: now)


def granting(gate: Gate, *granted: str) -> str:
    """Return the Cookie header of a visitor who accepted only ``granted``."""
    return "=".join(consent_cookie(gate, granted))


def counted_calls(function: Callable[[], object]) -> Counter[str]:
    """Return how often Python code of each module is called while ``function`` runs."""
    calls: Counter[str] = Counter()

    def count(frame: Any, event: str, _: Any) -> None:
        if event in ("call", "c_call"):
            calls[frame.f_globals.get("__name__", "")] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(before)
    return calls


class TestBasis:
    """R6 and R8: which cookies may be stored."""

    @pytest.mark.parametrize(
        ("basis", "undecided", "granted", "refused"),
        [
            ("exempt", True, True, True),
            ("opt-in", False, True, False),
            ("opt-out", True, True, False),
            ("forbidden", False, False, False),
        ],
    )
    def test_R6_the_basis_decides(
        self, basis: Any, undecided: bool, granted: bool, refused: bool
    ) -> None:
        """Each basis answers each state of the visitor in its own way."""
        gate = make_gate(categories=[Category("advertising", basis=basis)])
        decidable = basis in ("opt-in", "opt-out")
        accepting = granting(gate, *(["advertising"] if decidable else ["statistics"]))
        for cookie, passes in (("", undecided), (accepting, granted), (granting(gate), refused)):
            assert passes == (["_fbp=1"] == ask(gate, "_fbp=1", cookie=cookie).set_cookies)

    @pytest.mark.parametrize(
        ("basis", "reason"), [("opt-in", "undecided"), ("forbidden", "forbidden")]
    )
    def test_R6_the_verdict_says_why(self, basis: Any, reason: Any) -> None:
        """What nobody was asked about is no refusal, and what is forbidden needs no asking."""
        verdicts: list[Verdict] = []
        gate = make_gate(verdicts, categories=[Category("advertising", basis=basis)])
        ask(gate, "_fbp=1")
        assert [Verdict("_fbp", "advertising", "strip", reason, enforced=True)] == verdicts

    def test_R6_a_refusal_is_told_as_one(self) -> None:
        """By a decision, also one that counts no more, by a signal, and while answering."""
        verdicts: list[Verdict] = []
        gate = make_gate(verdicts, categories=OPT_OUT)
        ask(gate, "_fbp=1", cookie=granting(gate))
        ask(gate, "_fbp=1", cookie="eu-consent=forged")
        ask(gate, "_fbp=1", signals={"HTTP_SEC_GPC": "1"})
        ask(gate, "_fbp=1", decide=lambda consent: consent.withdraw())
        assert ["refused"] * 4 == [verdict.reason for verdict in verdicts]

    def test_R6_a_signal_is_no_reason_where_it_refuses_nothing(self) -> None:
        """What it does not mark is undecided, as without it."""
        verdicts: list[Verdict] = []
        gate = make_gate(verdicts, categories=OPT_OUT)
        ask(gate, "_ga=1", "_fbp=1", signals={"HTTP_SEC_GPC": "1"})
        assert ["undecided", "refused"] == [verdict.reason for verdict in verdicts]

    @pytest.mark.parametrize(
        ("unregistered", "expected"),
        [("strip", []), ("allow", ["x=1; Max-Age=60"]), ("report", ["x=1; Max-Age=60"])],
    )
    def test_R6_a_name_without_a_rule(self, unregistered: Any, expected: list[str]) -> None:
        """It follows ``unregistered``, whatever was granted."""
        gate = make_gate(unregistered=unregistered)
        for cookie in ("", granting(gate, "statistics", "advertising")):
            assert expected == ask(gate, "x=1; Max-Age=60", cookie=cookie).set_cookies

    def test_R6_an_unregistered_cookie_can_be_blocked(self) -> None:
        """With ``unregistered = "block"`` it raises, registered ones are stripped as before."""
        gate = make_gate(unregistered="block")
        assert [] == ask(gate, "_ga=1").set_cookies
        with pytest.raises(CookieBlocked, match="'x' may not be set: unregistered"):
            ask(gate, "x=1")

    @pytest.mark.parametrize("line", ["x", "=x", "a\x01=1"])
    def test_R3_what_is_nothing_certain_is_dropped_where_unregistered_is_reported(
        self, line: str
    ) -> None:
        """`unregistered = "report"` is about names, and there is none to trust."""
        assert [] == ask(make_gate(unregistered="report"), line).set_cookies

    def test_R8_the_most_specific_rule_governs(self) -> None:
        """Exact beats longest prefix beats glob; the site's rules beat a framework's."""
        rules = [
            CookieRule("_ga*", "statistics"),
            CookieRule("_ga_x*", "advertising"),
            CookieRule("_ga_xy", "necessary"),
            CookieRule("*a_z", "necessary"),
            CookieRule("sessionid", "statistics"),
        ]
        gate = make_gate(cookies=rules, frameworks=["django"])
        lines = ["_ga_z=1", "_ga_x1=1", "_ga_xy=1", "a_z=1", "sessionid=1", "csrftoken=1"]
        assert ["_ga_xy=1", "a_z=1", "csrftoken=1"] == ask(gate, *lines).set_cookies
        answer = ask(gate, *lines, cookie=granting(gate, "statistics"))
        assert [line for line in lines if line != "_ga_x1=1"] == answer.set_cookies

    def test_R8_names_are_case_sensitive(self) -> None:
        """``_GA`` is another cookie than ``_ga``, for browsers and for us."""
        assert [] == ask(make_gate(), "SESSION=1").set_cookies


class TestModes:
    """R7: strip, block, report; for the policy and for a category."""

    def test_R7_a_category_may_have_its_own_mode(self) -> None:
        """One category is only reported while the others are enforced, and the reverse."""
        lenient = make_gate(categories=[Category("statistics", mode="report")])
        strict = make_gate(mode="report", categories=[Category("statistics", mode="strip")])
        assert ["_ga=1"] == ask(lenient, "_ga=1", "_fbp=1").set_cookies
        assert ["_fbp=1"] == ask(strict, "_ga=1", "_fbp=1").set_cookies
        assert "_ga=1" == ask(lenient, cookie="_ga=1; _fbp=1").saw
        assert "_fbp=1" == ask(strict, cookie="_ga=1; _fbp=1").saw

    def test_R7_block_raises_with_the_verdict(self) -> None:
        """What raises says which cookie and why, and never its value."""
        verdicts: list[Verdict] = []
        gate = make_gate(verdicts, categories=[Category("statistics", mode="block")])
        with pytest.raises(CookieBlocked) as raised:
            ask(gate, "session=1", "_ga=secret")
        assert [raised.value.verdict] == verdicts
        assert Verdict("_ga", "statistics", "block", "undecided", enforced=True) == verdicts[0]
        assert "secret" not in str(raised.value)

    def test_R7_block_is_only_about_what_may_not_leave(self) -> None:
        """Lifetimes are cut, deletions pass, and request cookies are hidden as in ``strip``."""
        gate = make_gate(mode="block")
        assert ["_ga=; Max-Age=0"] == ask(gate, "_ga=; Max-Age=0").set_cookies
        assert "a=1" == ask(gate, cookie="_ga=1; a=1").saw
        consented = granting(gate, "statistics")
        answer = ask(gate, "_ga=1; Max-Age=9999", cookie=consented)
        assert ["_ga=1; Max-Age=7200"] == answer.set_cookies

    @pytest.mark.parametrize(
        "line",
        [
            "_ga=1",
            "_ga=1; Max-Age=99999999",
            "session=1; Expires=Sun, 18 Nov 2029 00:00:00 GMT",
            "eu-consent=1",
            'session=1; Max-Age="5"',
            "nameless",
            "_ga=\x01",
            "x=1",
        ],
    )
    def test_R7_report_tells_and_changes_nothing(self, line: str) -> None:
        """Whatever would be done is told once, as not enforced."""
        verdicts: list[Verdict] = []
        answer = ask(make_gate(verdicts, mode="report", routes=[Route("/contact")]), line)
        assert [line] == answer.set_cookies
        assert [False] == [verdict.enforced for verdict in verdicts]

    @pytest.mark.parametrize("line", ["_ga=\x01", "_ga\x01=1", "_ga=1; Path=/\x7f"])
    def test_R7_a_category_in_report_mode_keeps_even_control_characters(self, line: str) -> None:
        """Such a line of another category is dropped all the same, and so is one without a name."""
        verdicts: list[Verdict] = []
        gate = make_gate(verdicts, categories=[Category("statistics", mode="report")])
        others = [line.replace("_ga", name) for name in ("_fbp", "x", "")]
        assert [line] == ask(gate, line, *others).set_cookies
        assert {"control character"} == {verdict.reason for verdict in verdicts}
        assert [False, True, True, True] == [verdict.enforced for verdict in verdicts]

    @pytest.mark.parametrize(
        ("unregistered", "told"),
        [
            ("strip", [("strip", False)]),
            ("report", [("strip", False)]),
            ("block", [("block", False)]),
            ("allow", []),
        ],
    )
    def test_R7_report_tells_what_unregistered_would_have_done(
        self, unregistered: Any, told: list[tuple[str, bool]]
    ) -> None:
        """What is allowed is no news, and what would raise is told as such."""
        verdicts: list[Verdict] = []
        gate = make_gate(verdicts, mode="report", unregistered=unregistered)
        assert ["x=1"] == ask(gate, "x=1").set_cookies
        assert told == [(verdict.action, verdict.enforced) for verdict in verdicts]


class TestReading:
    """R17: what the application may read."""

    @pytest.mark.parametrize(
        "spelling",
        [
            "\x0b_ga",
            "_ga\x0c",
            "\x1c_ga\x1f",
            "\xa0_ga",
            "\x85_ga",
            "_ga\xc2\xa0",
            "\xc2\xa0_ga",
            "\xe3\x80\x80_ga",
            "\xff_ga",
            '"_ga"',
            "'_ga'",
            '" _ga"',
            "\t_ga_X \t",
            "_ga x",
        ],
    )
    def test_R17_a_name_is_governed_by_what_it_becomes(self, spelling: str) -> None:
        """Scripts write odd blanks and quotes around names, and some frameworks take them off."""
        verdicts: list[Verdict] = []
        gate = make_gate(verdicts)
        assert "a=1" == ask(gate, cookie=f"{spelling}=1; a=1").saw
        assert {"statistics"} == {one.category for one in verdicts}
        assert "hide" == verdicts[0].action
        consented = f"{spelling}=1; {granting(gate, 'statistics')}"
        assert consented == ask(gate, cookie=consented).saw

    @pytest.mark.parametrize("spelling", ["\x0bsession", '"session"', "\xa0x", "'eu-consent'"])
    def test_R17_what_becomes_nothing_governed_is_left_alone(self, spelling: str) -> None:
        """Neither an exempt cookie nor an unregistered one is hidden."""
        verdicts: list[Verdict] = []
        assert f"{spelling}=1" == ask(make_gate(verdicts), cookie=f"{spelling}=1").saw
        assert [] == verdicts

    def test_R17_a_rule_of_its_own_beats_what_a_name_becomes(self) -> None:
        """The site may have declared that very name."""
        gate = make_gate(cookies=[*RULES, CookieRule('"_ga"', "necessary")])
        assert '"_ga"=1' == ask(gate, cookie='"_ga"=1; _ga=1').saw

    @pytest.mark.parametrize("spelling", ["_ga", '"_ga"', "\xa0_ga"])
    def test_R17_in_report_mode_an_odd_name_stays_and_is_told(self, spelling: str) -> None:
        """The mode is that of what the name becomes."""
        verdicts: list[Verdict] = []
        gate = make_gate(verdicts, categories=[Category("statistics", mode="report")])
        assert f"{spelling}=1" == ask(gate, cookie=f"{spelling}=1").saw
        assert {("_ga", False)} == {(verdict.name, verdict.enforced) for verdict in verdicts}

    def test_R17_a_nameless_cookie_is_hidden_without_a_name(self) -> None:
        """What stands there without ``=`` is a value, which is not to be told."""
        verdicts: list[Verdict] = []
        assert "a=1" == ask(make_gate(verdicts), cookie="_ga; a=1; _ga").saw
        assert [
            Verdict("", "statistics", "hide", "undecided", enforced=True),
            Verdict("", "statistics", "expire", "undecided", enforced=True),
        ] == verdicts

    def test_R25_what_is_hidden_is_told_once_for_each_name_and_visit(self) -> None:
        """However often the browser sends it; the next visit tells again, and the same object."""
        verdicts: list[Verdict] = []
        gate = make_gate(verdicts)
        for _ in range(2):
            assert "" == ask(gate, cookie="_ga=1; _fbp=1; _ga=2; _ga = 3; _fbp=2").saw
        hidden = [verdict for verdict in verdicts if verdict.action == "hide"]
        expired = [verdict for verdict in verdicts if verdict.action == "expire"]
        assert ["_ga", "_fbp", "_ga", "_fbp"] == [verdict.name for verdict in hidden]
        assert ["_fbp", "_ga"] == sorted({verdict.name for verdict in expired})
        assert (4, hidden[0]) == (len(expired), hidden[2])
        assert hidden[0] is hidden[2]


class TestOwnCookies:
    """R5, R10: the gate's own cookie, and deletions."""

    @pytest.mark.parametrize(
        "line",
        [
            "eu-consent=1",
            " eu-consent=1; Max-Age=60",
            "eu-consent =1",
            '"eu-consent"=1',
            "eu-consent x=1",
            "eu-consent\xa0=1",
        ],
    )
    def test_R10_the_application_cannot_write_it(self, line: str) -> None:
        """In no spelling that some browser could take for its name."""
        verdicts: list[Verdict] = []
        assert [] == ask(make_gate(verdicts), line).set_cookies
        assert ["reserved name"] == [verdict.reason for verdict in verdicts]

    def test_R10_the_application_may_delete_it(self) -> None:
        """Deleting gives no consent."""
        assert ["eu-consent=; Max-Age=0"] == ask(make_gate(), "eu-consent=; Max-Age=0").set_cookies

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("_ga=; Max-Age=0", "_ga=; Max-Age=0"),
            ("_ga=; Max-Age=-1; Path=/x", "_ga=; Max-Age=-1; Path=/x"),
            (
                "_ga=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/",
                "_ga=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            ),
            (
                "_ga=; expires=Fri, 20-Nov-26 00:00:00 GMT",
                "_ga=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            ),
            ("x=; max-age=0; max-age=0", "x=; Max-Age=0"),
            ("test=; Max-Age=0; Path=/; path=/", "test=; Path=/; path=/; Max-Age=0"),
        ],
    )
    def test_R5_a_deletion_passes(self, line: str, expected: str) -> None:
        """Whoever's cookie it is, wherever; said so that every browser deletes."""
        for path in ("/", "/contact"):
            gate = make_gate(routes=[Route("/contact")])
            assert [expected] == ask(gate, line, path=path).set_cookies

    def test_R25_a_deletion_by_a_date_long_past_is_rewritten(self) -> None:
        """No life is shortened, so it is no clamp."""
        verdicts: list[Verdict] = []
        ask(make_gate(verdicts), "session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
        assert [("rewrite", "Expires alone")] == [
            (verdict.action, verdict.reason) for verdict in verdicts
        ]

    def test_R5_what_only_looks_like_a_deletion_does_not_pass(self) -> None:
        """A bad Max-Age, a past Expires that a later Max-Age beats, and an empty value are none."""
        past = "Expires=Thu, 01 Jan 1970 00:00:00 GMT"
        lines = ["_ga=; Max-Age=x", f"_ga=; {past}; Max-Age=60", "_ga=", '_ga=; Max-Age="0"']
        assert [] == ask(make_gate(), *lines).set_cookies


class TestRoutes:
    """R11: routes declared free of cookies."""

    @pytest.mark.parametrize(
        ("path", "free"),
        [
            ("/contact", True),
            ("/contact/", False),
            ("/contacts", False),
            ("/help/", True),
            ("/help/a/b", True),
            ("/help", False),
            ("/caf\xc3\xa9", True),
            ("/caf\xe9", False),
            ("/", False),
        ],
    )
    def test_R11_exactly_the_declared_paths_are_free(self, path: str, free: bool) -> None:
        """An exact path, or all below a prefix, as the octets of the request spell it."""
        gate = make_gate(routes=[Route("/contact"), Route("/help/*"), Route("/café")])
        assert free == ([] == ask(gate, "session=1", path=path).set_cookies)

    def test_R11_the_verdict_says_so(self) -> None:
        """Of every cookie, registered or not."""
        verdicts: list[Verdict] = []
        ask(make_gate(verdicts, routes=[Route("/*")]), "session=1", "x=1")
        assert {"cookie-free route"} == {verdict.reason for verdict in verdicts}


class TestLifetime:
    """R12, R14: how long a cookie may live."""

    @pytest.mark.parametrize(
        ("rule", "category", "policy", "limit"),
        [
            ("1 hour", "1 day", "1 week", 3600),
            ("1 week", "1 day", "2 weeks", DAY),
            ("2 weeks", "2 weeks", "1 week", 7 * DAY),
            (None, None, "1 week", 7 * DAY),
            (None, None, "13 months", months(13)),
            ("10 years", "10 years", "10 years", 400 * DAY),
        ],
    )
    def test_R12_the_least_limit_counts(
        self, rule: Any, category: Any, policy: Any, limit: int
    ) -> None:
        """Of rule, category, policy and the browser's own 400 days."""
        gate = make_gate(
            categories=[Category("necessary", max_age=category)],
            cookies=[CookieRule("a", "necessary", max_age=rule)],
            max_age=policy,
        )
        lines = [f"a=1; Max-Age={limit}", f"a=1; Max-Age={limit + 1}", "a=1"]
        expected = [lines[0], lines[0], "a=1"]
        assert expected == ask(gate, *lines).set_cookies

    @pytest.mark.parametrize(
        ("line", "expected", "action", "reason"),
        [
            (
                "session=1; Expires=Sat, 21 Nov 2026 01:00:00 GMT; Path=/",
                "session=1; Path=/; Max-Age=3600; Expires=Sat, 21 Nov 2026 01:00:00 GMT",
                "rewrite",
                "Expires alone",
            ),
            (
                "session=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT",
                f"session=1; Max-Age={months(13)}; Expires=Sun, 19 Dec 2027 00:00:00 GMT",
                "clamp",
                "lifetime",
            ),
            ("test=1; Max-Age=60", "test=1", "clamp", "session"),
            ("test=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT", "test=1", "clamp", "session"),
            ("session=1; Max-Age=+5; Path=/", "session=1; Path=/", "rewrite", "not canonical"),
            ("session=1; Max-Age=060; path=/;", None, "", ""),
            ("session=1; Path=/é", None, "", ""),
            ('session=1; Path="/"; Max-Age=60', None, "", ""),
        ],
    )
    def test_R12_R14_what_is_changed_and_why(
        self, line: str, expected: str | None, action: str, reason: str
    ) -> None:
        """Each change has its verdict, what need not change has none."""
        verdicts: list[Verdict] = []
        assert [expected or line] == ask(make_gate(verdicts), line).set_cookies
        assert ([(action, reason)] if expected else []) == [
            (verdict.action, verdict.reason) for verdict in verdicts
        ]

    def test_R3_a_blank_behind_a_name_is_not_canonical(self) -> None:
        """The line is said in the gate's own words."""
        assert ["session=1; Max-Age=60"] == ask(make_gate(), "session =1; Max-Age=60").set_cookies

    def test_R12_an_allowed_unregistered_cookie_has_the_policys_limit(self) -> None:
        """Nobody gave it a rule, the policy's longest life still holds."""
        gate = make_gate(unregistered="allow", max_age="1 day")
        assert [f"x=1; Max-Age={DAY}"] == ask(gate, "x=1; Max-Age=999999").set_cookies

    def test_R3_a_doubtful_name_is_judged_at_its_strictest(self) -> None:
        """Where one of its names may not be stored, or is shorter-lived, that one counts."""
        rules = [CookieRule("a", "necessary"), CookieRule("b", "necessary", max_age="1 hour")]
        gate = make_gate(cookies=[*rules, CookieRule('"b"', "necessary"), *RULES])
        assert [] == ask(gate, '"_ga"=1', "a x=1", "a\xff=1").set_cookies
        assert ['"b"=1; Max-Age=3600'] == ask(gate, '"b"=1; Max-Age=99999').set_cookies

    def test_R3_a_doubtful_name_is_enforced_where_one_of_its_readings_is(self) -> None:
        """A category in report mode lifts no limit of another cookie."""
        gate = make_gate(unregistered="allow", categories=[Category("advertising", mode="report")])
        assert [f'"_fbp"=1; Max-Age={months(13)}'] == ask(
            gate, '"_fbp"=1; Max-Age=99999999'
        ).set_cookies

    def test_R14_a_doubtful_name_may_be_that_of_a_session_cookie(self) -> None:
        """Some browser may read it so."""
        assert ['"test"=1'] == ask(
            make_gate(unregistered="allow"), '"test"=1; Max-Age=60'
        ).set_cookies

    def test_R25_a_doubtful_name_is_told_as_the_rfc_reads_it(self) -> None:
        """Where all names that browsers may read are judged alike."""
        verdicts: list[Verdict] = []
        ask(make_gate(verdicts, unregistered="allow"), "zz\xa0=1; Max-Age=99999999")
        assert ["zz\xa0"] == [verdict.name for verdict in verdicts]


class TestAround:
    """R9, R23, R25: the same answer, Vary, verdicts and logs."""

    def test_R9_the_gates_own_cookie_comes_last(self) -> None:
        """After the application's lines, so that it stands even where one deletes it."""
        line = "eu-consent=; Max-Age=0; Path=/"
        first, second = ask(make_gate(), line, decide=lambda c: c.grant("statistics")).set_cookies
        assert line == first
        assert "statistics=true" in second

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, "Cookie, Sec-GPC"),
            ({"gpc": "ignore"}, "Cookie"),
            ({"gpc": "ignore", "dnt": "default"}, "Cookie, DNT"),
            ({"dnt": "override"}, "Cookie, Sec-GPC, DNT"),
        ],
    )
    def test_R23_vary_names_what_the_consent_depends_on(
        self, changes: dict[str, Any], expected: str
    ) -> None:
        """The signals that the policy honours, no others."""
        gate = make_gate(categories=OPT_OUT, **changes)
        answer = ask(gate, decide=lambda consent: consent.decided)
        assert [expected] == answer.values("Vary")

    @pytest.mark.parametrize(
        ("setting", "basis", "honoured"),
        [
            ("default", "opt-out", True),
            ("default", "opt-in", False),
            ("default", "exempt", False),
            ("default", "forbidden", False),
            ("override", "opt-out", True),
            ("override", "opt-in", True),
            ("override", "exempt", False),
            ("override", "forbidden", False),
            ("ignore", "opt-out", False),
        ],
    )
    @pytest.mark.parametrize(("key", "header"), [("gpc", "Sec-GPC"), ("dnt", "DNT")])
    def test_R22_R23_a_signal_that_can_change_nothing_is_not_honoured(
        self, setting: Any, basis: Any, honoured: bool, key: str, header: str
    ) -> None:
        """It is neither read nor named: what needs a grant is refused without it as well."""
        categories = [
            Category("advertising", basis=basis, gpc=True),
            Category("social", basis="opt-out", gpc=False),
        ]
        gate = make_gate(categories=categories, **{"gpc": "ignore", "dnt": "ignore", key: setting})
        variable = f"HTTP_{header.upper().replace('-', '_')}"
        answer = ask(gate, "_fbp=1", signals={variable: "1"}, decide=lambda c: c.decided)
        assert [f"Cookie, {header}" if honoured else "Cookie"] == answer.values("Vary")
        assert honoured == (variable in answer.read)

    @given(
        st.sampled_from(["default", "override"]),
        st.lists(
            st.tuples(st.sampled_from(["exempt", "opt-in", "opt-out", "forbidden"]), st.booleans()),
            min_size=4,
            max_size=4,
        ),
    )
    def test_R22_only_what_some_visitor_would_notice_is_honoured(
        self, setting: Any, purposes: list[tuple[Any, bool]]
    ) -> None:
        """A signal is named exactly where it changes what somebody's answers allow."""
        names = ["functional", "statistics", "advertising", "social"]
        categories = [
            Category(name, basis=basis, gpc=gpc)
            for name, (basis, gpc) in zip(names, purposes, strict=True)
        ]
        gate = make_gate(categories=categories, gpc=setting)
        decidable = frozenset(category.id for category in categories if category.decidable)
        nobody = frozenset[str]()
        answers = [(nobody, nobody), (nobody, decidable), (decidable, nobody)]
        changes = [
            allowed_categories(gate.policy, *answer, setting)
            != allowed_categories(gate.policy, *answer, "ignore")
            for answer in answers
        ]
        assert any(changes) == ("Sec-GPC" in gate.varying_headers())

    def test_R23_no_signal_counts_where_it_refuses_nothing(self) -> None:
        """Where no category heeds the signals, nothing varies by them and nobody reads them."""
        categories = [Category(name, gpc=False) for name in ("advertising", "social")]
        gate = make_gate(categories=categories, dnt="override")
        answer = ask(gate, "_ga=1", decide=lambda consent: consent.decided)
        assert ["Cookie"] == answer.values("Vary")
        assert not {"HTTP_SEC_GPC", "HTTP_DNT"} & set(answer.read)

    def test_R25_an_on_verdict_that_raises_is_logged_and_harms_nobody(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The cookie is stripped all the same, and the error is told once for each verdict."""

        def broken(verdict: Verdict) -> None:
            raise RuntimeError("no such table")

        gate = Gate(Policy("1", cookies=RULES), "key", on_verdict=broken)
        assert [] == ask(gate, "_ga=secret").set_cookies
        errors = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert ["on_verdict failed for cookie '_ga'"] == [one.getMessage() for one in errors]

    def test_R25_without_on_verdict_there_is_the_log(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Every verdict is logged at INFO, with the name, the category and the reason."""
        caplog.set_level(logging.INFO, "consentgate")
        ask(Gate(Policy("1", cookies=RULES), "key"), "_ga=secret")
        (record,) = caplog.records
        assert ("consentgate", logging.INFO) == (record.name, record.levelno)
        for word in ("_ga", "statistics", "strip", "undecided"):
            assert word in record.getMessage()

    def test_R25_one_warning_for_each_unregistered_name(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The first time only, with a remedy; ``on_verdict`` hears of it each time."""
        caplog.set_level(logging.INFO, "consentgate")
        verdicts: list[Verdict] = []
        gate = make_gate(verdicts)
        for line in ("x=1", "x=2", "y=1", "x=3", " x=4"):
            ask(gate, line)
        warnings = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
        assert ["'x'", "'y'"] == [text.split()[1] for text in warnings]
        assert "[[cookies]]" in warnings[0]
        assert 5 == len(verdicts)

    def test_R25_a_warning_that_nobody_wants_is_kept_for_who_does(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A log for errors alone gets none, and is none that the name was warned of in."""
        gate = make_gate()
        with caplog.at_level(logging.ERROR, "consentgate"):
            ask(gate, "x=1")
        assert [] == caplog.records
        with caplog.at_level(logging.WARNING, "consentgate"):
            ask(gate, "x=2")
        assert ["WARNING"] == [record.levelname for record in caplog.records]

    def test_R25_the_log_has_every_verdict_at_info(self, caplog: pytest.LogCaptureFixture) -> None:
        """Also of an unregistered cookie, whose warning comes once."""
        caplog.set_level(logging.INFO, "consentgate")
        gate = make_gate()
        for _ in range(3):
            ask(gate, "x=1")
        levels = [record.levelno for record in caplog.records]
        assert [logging.WARNING, *[logging.INFO] * 3] == levels

    def test_R24_R25_warnings_end(self, caplog: pytest.LogCaptureFixture) -> None:
        """A thousand names are warned of, by 128 characters each; verdicts go on."""
        caplog.set_level(logging.WARNING, "consentgate")
        verdicts: list[Verdict] = []
        gate = make_gate(verdicts)
        ask(gate, *(f"{'x' * 127}{letter}{number}=1" for letter in "ab" for number in range(3)))
        assert 2 == len(caplog.records)
        assert all(f"{'x' * 127}a0" not in record.getMessage() for record in caplog.records)
        for number in range(2000):
            ask(gate, f"n{number}=1")
        assert 1000 == len(caplog.records)
        assert 2006 == len(verdicts)

    @pytest.mark.parametrize(
        ("changes", "word"),
        [
            ({}, "stripped"),
            ({"unregistered": "block"}, "blocked"),
            ({"unregistered": "report"}, "only reported"),
            ({"unregistered": "block", "mode": "report"}, "only reported"),
        ],
    )
    def test_R25_the_warning_says_what_was_done(
        self, changes: dict[str, Any], word: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What really happened to the cookie, in the policy's mode."""
        try:
            ask(make_gate(**changes), "x=1")
        except CookieBlocked:
            assert word == "blocked"
        (warning,) = [one for one in caplog.records if one.levelno == logging.WARNING]
        assert word in warning.getMessage()

    @pytest.mark.parametrize(
        "line",
        [
            "_ga=SECRET",
            "x=SECRET; Path=/SECRET; Domain=SECRET",
            "SECRET",
            "=SECRET",
            "_ga=SECRET\x01",
            "SECRET\x01",
            '"_ga"=SECRET; Max-Age="SECRET"',
            "session=SECRET; Max-Age=99999999; SECRET",
            "eu-consent=SECRET",
        ],
    )
    def test_R25_no_value_in_verdicts_logs_or_errors(
        self, line: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Whatever the line, only names are told."""
        caplog.set_level(logging.DEBUG)
        verdicts: list[Verdict] = []
        gate = make_gate(verdicts, mode="block", unregistered="block")
        told = ""
        try:
            ask(gate, line, cookie="_ga=SECRET; _fbp=SECRET")
        except CookieBlocked as error:
            told = f"{error!r} {error}"
        assert 3 == len([verdict for verdict in verdicts if verdict.action != "expire"])
        assert "SECRET" not in f"{told} {verdicts} {caplog.text}"

    def test_R25_a_name_cannot_forge_a_log_line(self, caplog: pytest.LogCaptureFixture) -> None:
        """Control characters of a name are escaped in the log."""
        caplog.set_level(logging.INFO, "consentgate")
        ask(make_gate(), "x\r\nERROR root: all is lost=1", cookie="_ga\n=1")
        assert 2 == len(caplog.records)
        assert all(record.getMessage().isprintable() for record in caplog.records)


@dataclass
class Asked:
    """A request that counts what the gate wants to know of it."""

    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    asked: Counter[str] = field(default_factory=Counter[str])

    def header(self, name: str) -> str:
        """Return a header."""
        self.asked[name] += 1
        return self.headers.get(name, "")

    def path(self) -> str:
        """Return the root."""
        self.asked["path"] += 1
        return "/"

    def is_secure(self) -> bool:
        """Return true."""
        self.asked["is_secure"] += 1
        return True


class TestVisit:
    """The gate without a protocol: what an integration of one's own calls."""

    def test_R6_a_line_leaves_changes_or_is_gone(self) -> None:
        """The same object, another line, or None."""
        visit = make_gate().visit(Asked(), "_ga=1; a=1")
        line = "session=1"
        assert visit.judge(line) is line
        assert "test=1" == visit.judge("test=1; Max-Age=9")
        assert visit.judge("_ga=1") is None
        assert "a=1" == visit.readable("_ga=1; a=1")

    def test_R17_what_may_be_read_is_the_same_object(self) -> None:
        """Nothing is copied where nothing is hidden."""
        header = "session=1; a=1"
        assert make_gate().visit(Asked(), header).readable(header) is header

    def test_R23_nobody_asked_so_nothing_is_added(self) -> None:
        """Until the application asks there is neither Vary nor cookie."""
        gate = make_gate(categories=OPT_OUT)
        visit = gate.visit(Asked())
        assert (False, []) == (visit.asked, visit.additions().headers)
        visit = gate.visit(Asked())
        assert not visit.consent.decided
        assert [("Vary", "Cookie, Sec-GPC")] == visit.additions().headers
        assert visit.asked

    def test_R9_there_is_one_consent_for_a_visit(self) -> None:
        """Whoever asks, what was decided before is known."""
        visit = make_gate().visit(Asked())
        visit.consent.grant("statistics")
        assert visit.consent.allows("statistics")
        assert "_ga=1" == visit.judge("_ga=1")
        assert "_ga=1" == visit.readable("_ga=1; _fbp=1")

    def test_lazy_a_request_is_asked_only_what_matters(self) -> None:
        """Nothing for what is exempt, a signal once for what is not, the scheme to sign."""
        request = Asked({"sec-gpc": "1"})
        visit = make_gate(categories=OPT_OUT).visit(request, "session=1")
        assert "session=1" == visit.readable("session=1")
        assert "session=1" == visit.judge("session=1")
        assert Counter() == request.asked
        assert [None, None] == [visit.judge("_ga=1"), visit.judge("_fbp=1")]
        assert Counter({"sec-gpc": 1}) == request.asked
        visit.consent.grant("statistics")
        visit.additions()
        assert Counter({"sec-gpc": 1, "is_secure": 1}) == request.asked

    @pytest.mark.parametrize(("routes", "times"), [([], 0), ([Route("/contact"), Route("/*")], 1)])
    def test_R11_the_path_is_read_when_the_visit_begins(
        self, routes: list[Route], times: int
    ) -> None:
        """Routers rewrite it later; where the policy has no routes nobody asks for it."""
        request = Asked()
        visit = make_gate(routes=routes).visit(request)
        assert times == request.asked["path"]
        visit.judge("session=1")
        visit.judge("_ga=1")
        assert times == request.asked["path"]

    def test_what_an_integration_may_look_at(self) -> None:
        """The gate, whether the application asked, and whether the headers have left."""
        gate = make_gate()
        visit = gate.visit(Asked())
        assert visit.gate is gate
        assert (False, False) == (visit.asked, visit.released)
        visit.additions()
        assert (False, True) == (visit.asked, visit.released)
        assert not visit.consent.decided
        assert (True, True) == (visit.asked, visit.released)

    def test_R9_a_visit_covers_what_says_the_same(self) -> None:
        """Its own gate and one of an equal policy, until its headers have left."""
        gate, equal, other = make_gate(), make_gate(), make_gate(version="2")
        visit = gate.visit(Asked())
        assert [True, True, False] == [visit.covers(one) for one in (gate, equal, other)]
        visit.additions()
        assert not any(visit.covers(one) for one in (gate, equal, other))


@dataclass
class Clock:
    """A clock that counts how often it is asked."""

    asked: int = 0

    def __call__(self) -> float:
        """Return the contract's time."""
        self.asked += 1
        return NOW


class TestLaziness:
    """A visit costs what it needs, and no more."""

    @pytest.fixture
    def clock(self) -> Clock:
        """Give a clock that counts."""
        return Clock()

    @pytest.fixture
    def gate(self, clock: Clock) -> Gate:
        """Give a gate that could need everything: signals, routes, signatures."""
        policy = Policy(
            "1", cookies=RULES, categories=OPT_OUT, dnt="default", routes=[Route("/contact")]
        )
        return Gate(policy, "key", clock=clock)

    @pytest.fixture
    def cookie(self, gate: Gate) -> str:
        """Give a Cookie header with a consent in it."""
        return f"session=1; other=2; {granting(gate, 'statistics')}"

    @pytest.mark.parametrize("lines", [(), ("_ga=; Max-Age=0",), ("session=1; Path=/; HttpOnly",)])
    def test_lazy_what_needs_no_consent_looks_at_nothing(
        self, gate: Gate, clock: Clock, cookie: str, lines: tuple[str, ...]
    ) -> None:
        """No cookie, a deletion, an exempt one: no signature, no clock, no signal is read."""
        clock.asked = 0
        answers: list[Answer] = []
        calls = counted_calls(lambda: answers.append(ask(gate, *lines, cookie=cookie)))
        assert list(lines) == answers[0].set_cookies
        assert 0 == clock.asked
        assert not [name for name in calls if name.startswith(("itsdangerous", "hmac"))]
        assert not {"HTTP_SEC_GPC", "HTTP_DNT", "wsgi.url_scheme"} & set(answers[0].read)

    def test_lazy_no_clock_for_what_is_stripped(self) -> None:
        """A session cookie has no date that could make it a deletion."""
        clock = Clock()
        gate = Gate(Policy("1", cookies=RULES), "key", clock=clock)
        assert gate.visit(Asked()).judge("_ga=1; Path=/") is None
        assert 0 == clock.asked

    def test_lazy_the_consent_is_looked_at_once(
        self, gate: Gate, clock: Clock, cookie: str
    ) -> None:
        """However many cookies come and go, one clock reading and one look at each signal."""
        clock.asked = 0
        lines = ["_ga=1; Max-Age=60", "_fbp=1", "_ga_x=1"]
        answer = ask(gate, *lines, cookie=f"{cookie}; _ga=1; _fbp=2; _ga=3")
        assert ["_ga=1; Max-Age=60", "_ga_x=1"] == answer.set_cookies
        assert (1, 1, 1) == (clock.asked, answer.read["HTTP_SEC_GPC"], answer.read["HTTP_DNT"])

    def test_lazy_a_token_is_verified_once(self, gate: Gate, cookie: str) -> None:
        """A token that was seen before costs no signature, its age is checked all the same."""
        ask(gate, "_ga=1", cookie=cookie)
        calls = counted_calls(lambda: ask(gate, "_ga=1", cookie=cookie))
        assert not [name for name in calls if name.startswith(("itsdangerous", "hmac"))]
        gate.clock = lambda: NOW + months(6)
        assert [] == ask(gate, "_ga=1", cookie=cookie).set_cookies

    def test_lazy_a_refused_token_is_not_remembered(self, gate: Gate, cookie: str) -> None:
        """Forgeries take no memory: each is verified anew."""
        forged = f"{cookie[:-1]}{'B' if cookie.endswith('A') else 'A'}"
        for _ in range(2):
            calls = counted_calls(lambda: ask(gate, "_ga=1", cookie=forged))
            assert [name for name in calls if name.startswith("itsdangerous")]

    def test_lazy_dates_are_verified_once(self) -> None:
        """A token that was seen before costs no signature."""
        gate = make_gate()
        cookie = "=".join(deposits_cookie(gate, {"session": NOW}))
        gate.first_deposits(cookie, NOW)
        calls = counted_calls(lambda: gate.first_deposits(cookie, NOW))
        assert not [name for name in calls if name.startswith(("itsdangerous", "hmac"))]


def test_R17_R25_what_nobody_hears_is_done_all_the_same() -> None:
    """Without a listener, and with the log at warnings, cookies are hidden and stripped."""
    logger = logging.getLogger("consentgate")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        gate = Gate(Policy("1", cookies=[CookieRule("_ga", "statistics")]), "key")
        visit = gate.visit(Asked(), "_ga=1; a=2")
        assert "a=2" == visit.readable("_ga=1; a=2")
        assert visit.judge("_ga=1; Path=/") is None
    finally:
        logger.setLevel(level)
