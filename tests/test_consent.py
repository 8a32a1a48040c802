"""The decision, the signed cookie that carries it, and what the signals do to it (R9, R19-R22)."""

from __future__ import annotations

import string
from itertools import permutations
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_gate import OPT_OUT, RULES, ask, granting, make_gate

from consentgate import (
    Category,
    ConfigurationError,
    Consent,
    ConsentGateError,
    DecisionNotStored,
    Gate,
    Policy,
    PolicyError,
    Route,
    UnknownCategory,
)
from consentgate.consent import MAX_TOKEN_LENGTH, Decision
from consentgate.duration import CLOCK_TOLERANCE, DAY, months
from consentgate.testing import NOW, consent_cookie

PIXEL = "_fbp=1; Max-Age=60"
ANALYTICS = "_ga=1; Max-Age=60"
ALL = frozenset({"functional", "statistics", "advertising", "social"})


def seen(gate: Gate, cookie: str = "", **request: Any) -> Consent:
    """Return the consent as the application finds it."""
    found: list[Consent] = []
    ask(gate, cookie=cookie, decide=found.append, **request)
    return found[0]


def decided(gate: Gate, decision: Decision) -> str:
    """Return the Cookie header that carries ``decision``."""
    return f"{gate.policy.cookie_name}={gate.sign(decision)}"


def decision(**changes: Any) -> Decision:
    """Return a valid grant of statistics, with changes."""
    fields = {
        "granted": frozenset({"statistics"}),
        "refused": ALL - {"statistics"},
        "decided_at": int(NOW),
        "policy_version": "1",
        "id": "id",
    }
    return Decision(**{**fields, **changes})


class TestToken:
    """R19: the signed cookie."""

    def test_R19_anybody_can_read_it(self) -> None:
        """It is a query string with one boolean for each purpose; no key is needed."""
        _, token = consent_cookie(make_gate(), ["statistics"])
        fields = parse_qs(token, strict_parsing=True)
        assert {"policy", "time", "id", "signature", *ALL} == set(fields)
        assert (["1"], [str(int(NOW))]) == (fields["policy"], fields["time"])
        expected = {name: ["true" if name == "statistics" else "false"] for name in ALL}
        assert expected == {name: fields[name] for name in ALL}

    def test_R19_browsers_keep_tokens_of_earlier_releases(self) -> None:
        """A token is the same to the octet in all releases, or visitors would be asked again."""
        gate = Gate(Policy("v 1&é"), ["key", "old"], clock=lambda: NOW)
        token = gate.sign(decision(decided_at=1_795_219_200, policy_version="v 1&é"))
        assert token == (
            "policy=v+1%26%C3%A9&time=1795219200&id=id&statistics=true&advertising=false"
            "&functional=false&social=false&signature=VdfcmNIY13FQ8o_yNulsHZ93L9zUfQbi-aszXdDu268"
        )

    def test_R19_it_holds_nothing_about_the_visitor(self) -> None:
        """The id is random, and a visitor who changes their mind keeps it."""
        gate = make_gate()
        first, second = (parse_qs(granting(gate, "statistics"))["id"][0] for _ in range(2))
        assert first != second
        cookie = granting(gate, "statistics")
        answer = ask(gate, cookie=cookie, decide=lambda consent: consent.withdraw())
        assert parse_qs(cookie)["id"] == parse_qs(answer.set_cookies[0])["id"]

    @given(
        st.text(
            st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1, max_size=64
        )
        .filter(str.strip)
        .filter(str.isprintable)
    )
    def test_R19_any_version_survives(self, version: str) -> None:
        """Whatever characters a version has, the token is made of cookie-octets and comes back."""
        gate = make_gate(version=version)
        cookie = granting(gate, "statistics")
        assert set(cookie) <= set(string.ascii_letters + string.digits + "-._~%+&=*")
        assert [ANALYTICS] == ask(gate, ANALYTICS, cookie=cookie).set_cookies
        assert [version] == parse_qs(cookie.removeprefix("eu-consent="))["policy"]

    def test_R19_it_is_at_most_a_kilobyte(self) -> None:
        """A policy whose token would be longer is refused at start-up, with a remedy."""
        categories = [Category(f"purpose-number-{number:02}") for number in range(36)]
        gate = make_gate(categories=categories[:-1])
        name, token = consent_cookie(gate, [])
        assert MAX_TOKEN_LENGTH - len("&purpose-number-35=false") < len(token) <= MAX_TOKEN_LENGTH
        assert seen(gate, f"{name}={token}").decided
        with pytest.raises(PolicyError, match=r"categories: are too many .* 1024 bytes; use fewer"):
            make_gate(categories=categories)

    def test_R19_keys_can_be_rotated(self) -> None:
        """The newest signs, all verify, a key that is gone verifies nothing."""
        policy = Policy("1", cookies=RULES)
        old, both, new = (
            Gate(policy, keys, clock=lambda: NOW) for keys in ("old", ["new", "old"], "new")
        )
        for gate, other, expected in (
            (old, both, [ANALYTICS]),
            (both, new, [ANALYTICS]),
            (both, old, []),
            (old, new, []),
        ):
            cookie = granting(gate, "statistics")
            assert expected == ask(other, ANALYTICS, cookie=cookie).set_cookies

    def test_R19_a_key_may_be_text_or_bytes(self) -> None:
        """The same octets are the same key."""
        text, octets = (Gate(Policy("1", cookies=RULES), key) for key in ("é", "é".encode()))
        cookie = granting(text, "statistics")
        assert [ANALYTICS] == ask(octets, ANALYTICS, cookie=cookie).set_cookies

    @pytest.mark.parametrize("keys", ["", b"", [], [""], ["new", ""], ()])
    def test_R19_there_is_no_gate_without_a_key(self, keys: Any) -> None:
        """An empty key would let anybody sign; the error says how to make a good one."""
        with pytest.raises(ConfigurationError, match=r"secret_keys: .*secrets.token_hex"):
            Gate(Policy("1"), keys)

    def test_R19_a_signature_has_one_spelling(self) -> None:
        """Base64 could write the same octets in several ways; the others are forgeries."""
        gate = make_gate()
        cookie = granting(gate, "statistics")
        accepted = [
            character
            for character in f"{string.ascii_letters}{string.digits}-_="
            if ask(gate, ANALYTICS, cookie=cookie[:-1] + character).set_cookies
        ]
        assert [cookie[-1]] == accepted
        assert [] == ask(gate, ANALYTICS, cookie=f"{cookie}=").set_cookies

    @pytest.mark.parametrize(
        "value", ["", "x", "&signature=", "x" * 1025, "\xe9", "policy=1", "&signature=\xff", "\0"]
    )
    def test_R19_what_is_not_ours_is_no_decision(self, value: str) -> None:
        """Short, long, foreign or broken: the visitor is undecided."""
        assert not seen(make_gate(), f"eu-consent={value}").decided

    @pytest.mark.parametrize(
        ("changes", "secure", "expected"),
        [
            ({}, False, "; Path=/; Max-Age=15638400; SameSite=Lax"),
            ({}, True, "; Path=/; Max-Age=15638400; SameSite=Lax; Secure"),
            (
                {"cookie_name": "__Host-c"},
                False,
                "; Path=/; Max-Age=15638400; SameSite=Lax; Secure",
            ),
            (
                {"cookie_domain": "shop.example", "consent_valid_for": "1 day"},
                False,
                "; Path=/; Max-Age=86400; SameSite=Lax; Domain=shop.example",
            ),
            (
                {"consent_valid_for": "2 years", "cookie_name": "__secure-c"},
                False,
                "; Path=/; Max-Age=34560000; SameSite=Lax; Secure",
            ),
        ],
    )
    def test_R19_how_the_cookie_is_set(
        self, changes: dict[str, Any], secure: bool, expected: str
    ) -> None:
        """Over TLS and for a prefix it is Secure; no browser keeps it longer than 400 days."""
        gate = make_gate(**changes)
        answer = ask(gate, secure=secure, decide=lambda consent: consent.grant("statistics"))
        (line,) = answer.set_cookies
        pair, semicolon, attributes = line.partition(";")
        assert expected == semicolon + attributes
        assert [ANALYTICS] == ask(gate, ANALYTICS, cookie=pair).set_cookies


class TestValidity:
    """R20, R21: whose decision counts, and until when."""

    @pytest.mark.parametrize(
        ("changes", "counts"),
        [
            ({}, True),
            ({"policy_version": "2"}, False),
            ({"decided_at": int(NOW) + CLOCK_TOLERANCE}, True),
            ({"decided_at": int(NOW) + CLOCK_TOLERANCE + 1}, False),
            ({"decided_at": int(NOW) - months(6) + 1}, True),
            ({"decided_at": int(NOW) - months(6)}, False),
            ({"decided_at": 0}, False),
            ({"decided_at": -1}, False),
            ({"decided_at": 10**15}, False),
        ],
    )
    def test_R20_the_server_checks_age_and_version(
        self, changes: dict[str, Any], counts: bool
    ) -> None:
        """A signature alone is not enough."""
        gate = make_gate()
        consent = seen(gate, decided(gate, decision(**changes)))
        assert (counts, counts) == (consent.decided, consent.allows("statistics"))

    def test_R20_the_newest_valid_decision_counts(self) -> None:
        """In whatever order, and whatever invalid or forged ones stand between."""
        gate = make_gate()
        cookies = [
            decided(gate, decision(decided_at=int(NOW) - DAY, granted=ALL, refused=frozenset())),
            decided(gate, decision(decided_at=int(NOW) - 60)),
            decided(gate, decision(granted=ALL, refused=frozenset(), policy_version="2")),
            decided(gate, decision(decided_at=int(NOW) + DAY, granted=ALL, refused=frozenset())),
            "eu-consent=forged",
        ]
        for order in permutations(cookies):
            consent = seen(gate, "; ".join(order))
            assert {"statistics"} == consent.granted
            assert int(NOW) - 60 == consent.decided_at

    def test_R20_at_equal_age_only_what_all_grant_is_granted(self) -> None:
        """What one refuses is refused."""
        gate = make_gate(categories=[Category("social", basis="opt-out")])
        cookies = [
            decided(gate, decision(granted=frozenset(granted), refused=frozenset(refused)))
            for granted, refused in (
                ({"statistics", "advertising"}, {"functional"}),
                ({"statistics", "functional"}, {"social"}),
                ({"statistics", "advertising"}, ()),
            )
        ]
        for order in permutations(cookies):
            assert {"statistics"} == seen(gate, "; ".join(order)).granted

    def test_R20_too_many_consent_cookies_are_none(self) -> None:
        """Eight are looked at; of more none is believed."""
        gate = make_gate()
        cookie = granting(gate, "statistics")
        for count, counts in ((8, True), (9, False)):
            assert counts == seen(gate, "; ".join([cookie] * count)).decided

    @pytest.mark.parametrize(
        "cookie",
        [
            "a=1; {}",
            "{}; a=1",
            "a=1;{} ; b=2",
            "eu-consent2=x; {}",
            "x=eu-consent; {}",
            "xeu-consent=1; {}; eu-consentx=2",
            "; {};",
            " {} ",
        ],
    )
    def test_R20_wherever_it_stands_it_is_found(self, cookie: str) -> None:
        """Between others, among names that resemble it, and with blanks around."""
        gate = make_gate()
        assert seen(gate, cookie.format(granting(gate, "statistics"))).decided

    @pytest.mark.parametrize(
        "cookie",
        [
            "eu-consent=",
            "eu-consent",
            "eu-consent=forged",
            f"eu-consent={'x' * 2000}",
            decided(make_gate(), decision(granted=ALL, refused=frozenset(), policy_version="0")),
            decided(make_gate(), decision(decided_at=int(NOW) - months(6))),
            decided(make_gate(), decision(decided_at=int(NOW) + DAY)),
            "; ".join([decided(make_gate(), decision(granted=ALL, refused=frozenset()))] * 9),
        ],
        ids=["empty", "nameless", "forged", "long", "version", "expired", "future", "nine"],
    )
    def test_R20_who_decided_once_is_refused_what_is_opt_out(self, cookie: str) -> None:
        """They are undecided, and what applied to a refusal applies to all that is decidable."""
        gate = make_gate(categories=[Category(name, basis="opt-out") for name in ALL])
        assert ALL == seen(gate).granted
        consent = seen(gate, cookie)
        assert (False, frozenset(), ALL) == (consent.decided, consent.granted, consent.denied)
        assert [] == ask(gate, ANALYTICS, PIXEL, cookie=cookie).set_cookies
        assert "a=1" == ask(gate, cookie=f"_ga=1; a=1; _fbp=1; {cookie}").saw.partition(";")[0]

    @pytest.mark.parametrize(
        "cookie",
        ["xeu-consent=1", "eu-consent-banner=1", "a=eu-consent", "a=eu-consent=1", "EU-CONSENT=1"],
    )
    def test_R20_what_only_resembles_a_consent_cookie_refuses_nothing(self, cookie: str) -> None:
        """Whoever sends another cookie has decided nothing here."""
        gate = make_gate(categories=OPT_OUT)
        assert [PIXEL] == ask(gate, PIXEL, cookie=cookie).set_cookies

    def test_R20_a_new_decision_leaves_what_was_presumed_refused(self) -> None:
        """Granting one thing grants no other; what is granted anew is granted."""
        gate = make_gate(categories=[Category(name, basis="opt-out") for name in ALL])
        for granted in ({"social"}, ALL):
            answer = ask(
                gate, PIXEL, cookie="eu-consent=x", decide=lambda c, names=granted: c.grant(*names)
            )
            expected = [PIXEL] if granted == ALL else []
            assert expected == answer.set_cookies[:-1]
            assert granted == seen(gate, answer.set_cookies[-1].partition(";")[0]).granted

    @pytest.mark.parametrize("granted", [(), ("statistics",)])
    def test_R21_a_visit_never_extends_a_decision(self, granted: tuple[str, ...]) -> None:
        """Asking about it sets no cookie, accepted and refused alike."""
        gate = make_gate()
        answer = ask(gate, cookie=granting(gate, *granted), decide=lambda c: c.allows("statistics"))
        assert [] == answer.set_cookies
        assert int(NOW) + months(6) == seen(gate, granting(gate, *granted)).expires_at

    def test_R21_a_refusal_may_be_asked_again_sooner(self) -> None:
        """Only a decision that grants nothing is a refusal."""
        policy: dict[str, Any] = {"consent_valid_for": "2 days", "ask_again_after": "1 day"}
        before, after = make_gate(**policy), make_gate(now=NOW + DAY, **policy)
        assert (True, False) == (
            seen(after, granting(before, "statistics")).decided,
            seen(after, granting(before)).decided,
        )
        (line,) = ask(before, decide=lambda consent: consent.withdraw()).set_cookies
        assert f"Max-Age={DAY};" in line

    def test_R21_a_new_decision_starts_anew(self) -> None:
        """Six months from the day the visitor changed their mind."""
        gate = make_gate(now=NOW + DAY)
        cookie = granting(make_gate(), "statistics")
        answer = ask(gate, cookie=cookie, decide=lambda consent: consent.grant("social"))
        (line,) = answer.set_cookies
        assert f"Max-Age={months(6)};" in line
        assert f"&time={int(NOW) + DAY}&" in line


class TestSignals:
    """R22: Global Privacy Control and Do Not Track."""

    @pytest.mark.parametrize("header", ["HTTP_SEC_GPC", "HTTP_DNT"])
    @pytest.mark.parametrize(
        ("setting", "undecided", "accepted", "refused"),
        [
            ("ignore", True, True, False),
            ("default", False, True, False),
            ("override", False, False, False),
        ],
    )
    def test_R22_what_a_signal_does(
        self, header: str, setting: Any, undecided: bool, accepted: bool, refused: bool
    ) -> None:
        """Ignored, a default for who is undecided, or above every decision."""
        key = "gpc" if header == "HTTP_SEC_GPC" else "dnt"
        gate = make_gate(
            categories=[Category("advertising", basis="opt-out")],
            **{"gpc": "ignore", "dnt": "ignore", key: setting},
        )
        for cookie, expected in (
            ("", undecided),
            (granting(gate, "advertising"), accepted),
            (granting(gate), refused),
        ):
            consent = seen(gate, cookie, signals={header: "1"})
            assert (expected, setting) == (consent.allows("advertising"), consent.signal)

    def test_R22_the_stronger_of_two_signals_counts(self) -> None:
        """An override beats a default, whichever header it comes in."""
        gate = make_gate(categories=OPT_OUT, dnt="override")
        cookie = granting(gate, "advertising")
        for signals, expected in (
            ({"HTTP_SEC_GPC": "1"}, "default"),
            ({"HTTP_DNT": "1"}, "override"),
            ({"HTTP_SEC_GPC": "1", "HTTP_DNT": "1"}, "override"),
            ({"HTTP_SEC_GPC": "0", "HTTP_DNT": "0"}, "ignore"),
        ):
            assert expected == seen(gate, cookie, signals=signals).signal

    @pytest.mark.parametrize(
        ("value", "counts"),
        [
            ("1", True),
            ("1,1", True),
            ("0, 1", True),
            ("1 ,", True),
            ("", False),
            ("0", False),
            ("true", False),
            ("11", False),
            ("1.0", False),
            ("+1", False),
            ("1;q=0", False),
            ("\xb9", False),
            ('"1"', False),
        ],
    )
    def test_R22_a_signal_is_exactly_one(self, value: str, counts: bool) -> None:
        """Repetitions and commas included, nothing else means yes."""
        consent = seen(make_gate(gpc="override"), signals={"HTTP_SEC_GPC": value})
        assert counts == (consent.signal == "override")

    def test_R22_a_signal_concerns_marked_categories_only(self) -> None:
        """An exempt one stays exempt even where it is marked."""
        gate = make_gate(
            gpc="override",
            categories=[
                Category("necessary", gpc=True),
                Category("functional", basis="opt-out"),
                Category("social", basis="opt-out"),
            ],
        )
        consent = seen(gate, signals={"HTTP_SEC_GPC": "1"})
        assert {"necessary", "functional"} == consent.allowed
        assert {"statistics", "advertising", "social"} == consent.denied

    def test_R22_a_grant_does_not_beat_an_override(self) -> None:
        """It is stored, and counts once the signal is gone."""
        gate = make_gate(gpc="override")
        answer = ask(
            gate,
            PIXEL,
            signals={"HTTP_SEC_GPC": "1"},
            decide=lambda consent: consent.grant("advertising"),
        )
        (line,) = answer.set_cookies
        assert [PIXEL] == ask(gate, PIXEL, cookie=line.partition(";")[0]).set_cookies


class TestConsent:
    """R9: what the application asks and decides."""

    def test_R9_an_undecided_visitor(self) -> None:
        """Nothing was granted, nothing was refused, and what is exempt is allowed."""
        consent = seen(make_gate())
        assert (False, None, None, None) == (
            consent.decided,
            consent.decided_at,
            consent.expires_at,
            consent.decision,
        )
        assert {"necessary"} == consent.allowed
        assert (frozenset(), ALL) == (consent.granted, consent.denied)
        assert not consent.changed

    @pytest.mark.parametrize(
        ("steps", "granted"),
        [
            ([("grant", "statistics")], {"statistics"}),
            ([("grant", "statistics"), ("grant", "social")], {"statistics", "social"}),
            ([("grant", *ALL), ("withdraw", "social")], ALL - {"social"}),
            ([("grant", *ALL), ("withdraw",)], set()),
            ([("grant", *ALL), ("choose", "social")], {"social"}),
            ([("choose",)], set()),
            ([("withdraw", "social"), ("grant", "social")], {"social"}),
        ],
    )
    def test_R9_grant_withdraw_and_choose(
        self, steps: list[tuple[str, ...]], granted: set[str]
    ) -> None:
        """Granting adds, withdrawing takes away, choosing says it all; the answer obeys."""

        def decide(consent: Consent) -> None:
            for method, *categories in steps:
                getattr(consent, method)(*categories)
            assert (frozenset(granted), ALL - granted) == (consent.granted, consent.denied)
            assert (True, int(NOW), True) == (
                consent.decided,
                consent.decided_at,
                consent.changed,
            )

        gate = make_gate()
        *lines, line = ask(gate, ANALYTICS, PIXEL, decide=decide).set_cookies
        expected = {ANALYTICS: "statistics", PIXEL: "advertising"}
        assert [one for one, category in expected.items() if category in granted] == lines
        assert granted == seen(gate, line.partition(";")[0]).granted

    def test_R9_granting_one_thing_refuses_no_opt_out(self) -> None:
        """What needs no grant stays as it was until it is refused."""
        gate = make_gate(categories=[Category("social", basis="opt-out")])
        consent = consent_of(gate)
        consent.grant("statistics")
        assert {"statistics", "social"} == consent.granted
        consent.withdraw("social")
        assert {"statistics"} == consent.granted
        consent.grant("social")
        assert {"statistics", "social"} == consent.granted

    def test_R9_granting_needs_a_category(self) -> None:
        """Who means everything must say so: consent is specific (GDPR, article 4(11))."""
        consent = consent_of(make_gate())
        with pytest.raises(TypeError, match="category"):
            consent.grant()  # type: ignore[call-arg]  # the mistake itself
        assert (False, False) == (consent.changed, consent.decided)

    def test_R9_what_is_allowed_is_worked_out_once_for_each_decision(self) -> None:
        """Asking is reading an attribute; a decision gives it another value."""
        consent = consent_of(make_gate())
        before = consent.allowed
        assert consent.allowed is before
        consent.grant("social")
        assert ({"necessary"}, {"necessary", "social"}) == (before, consent.allowed)

    def test_R9_choosing_refuses_an_opt_out(self) -> None:
        """A form of one box for each category says no to all that is not ticked."""
        consent = consent_of(make_gate(categories=[Category("social", basis="opt-out")]))
        consent.choose("statistics")
        assert {"statistics"} == consent.granted

    @pytest.mark.parametrize("method", ["grant", "withdraw", "choose", "allows"])
    @pytest.mark.parametrize("category", ["stats", "", "Statistics", "necessary", "social"])
    def test_R9_an_unknown_category_is_an_error(self, method: str, category: str) -> None:
        """As is a decision about what is exempt or forbidden; nothing changes by it."""
        consent = consent_of(make_gate(categories=[Category("social", basis="forbidden")]))
        if method == "allows" and category in ("necessary", "social"):
            assert (category == "necessary") == consent.allows(category)
            return
        with pytest.raises(UnknownCategory) as raised:
            getattr(consent, method)(category)
        assert category == raised.value.category
        assert "statistics" in raised.value.known
        assert isinstance(raised.value, (LookupError, ConsentGateError))
        assert (False, False) == (consent.changed, consent.decided)

    def test_R9_a_decision_that_is_too_late_is_an_error(self) -> None:
        """Once the headers have left it could only be lost; reading goes on."""
        consent = seen(make_gate())
        for method in (consent.grant, consent.withdraw, consent.choose):
            with pytest.raises(DecisionNotStored, match="decide before its headers are sent"):
                method("statistics")
        assert (False, False) == (consent.changed, consent.allows("statistics"))

    def test_R11_nothing_can_be_decided_on_a_cookie_free_route(self) -> None:
        """The decision could not be stored there."""
        gate = make_gate(routes=[Route("/contact")])
        with pytest.raises(DecisionNotStored, match="nothing may be stored on this path"):
            ask(gate, path="/contact", decide=lambda consent: consent.withdraw())
        assert seen(gate, granting(gate, "statistics"), path="/contact").allows("statistics")

    def test_R19_a_policy_that_nobody_can_decide_about(self) -> None:
        """Where all is exempt or forbidden a decision is empty, and read back as such."""
        gate = make_gate(categories=[Category(name, basis="forbidden") for name in ALL])
        consent = seen(gate, granting(gate))
        assert (True, frozenset(), frozenset()) == (
            consent.decided,
            consent.granted,
            consent.denied,
        )

    def test_R9_a_form_may_ask_about_some(self) -> None:
        """What it did not ask about stays, granted or refused."""
        consent = consent_of(make_gate())
        consent.choose("functional", "advertising", among=["functional", "advertising"])
        consent.choose("statistics", among=["statistics", "functional"])
        assert {"necessary", "statistics", "advertising"} == consent.allowed
        consent.choose(among=["advertising"])
        assert {"necessary", "statistics"} == consent.allowed

    def test_R9_what_is_chosen_was_asked(self) -> None:
        """Also where the form forgot to say so, and then no refusal of it is left."""
        consent = consent_of(make_gate())
        consent.choose()
        consent.choose("statistics", among=["functional"])
        assert "statistics" in consent.allowed
        assert consent.decision is not None
        assert "statistics" not in consent.decision.refused

    def test_R9_nothing_is_both_granted_and_refused(self) -> None:
        """One answer to a category takes the place of the other."""
        consent = consent_of(make_gate())
        consent.choose("statistics")
        consent.choose("statistics", among=["statistics"])
        assert consent.decision is not None
        assert consent.decision.granted.isdisjoint(consent.decision.refused)

    def test_R9_who_is_forgotten_gets_another_name(self) -> None:
        """Nothing leads from the next decision to the last one."""
        consent = consent_of(make_gate())
        consent.choose("statistics")
        first = consent.subject
        consent.forget()
        assert consent.subject is None
        consent.choose("statistics")
        assert first != consent.subject

    def test_R9_what_is_taken_back_was_never_decided(self) -> None:
        """The application, if it is asked after all, sees what came with the request."""
        consent = consent_of(make_gate())
        consent.choose("statistics")
        consent.revert()
        assert (False, False) == (consent.decided, consent.changed)
        assert {"necessary"} == consent.allowed

    def test_R9_what_was_refused_stays_refused(self) -> None:
        """Also what is opt-out, where another form does not ask about it."""
        categories = [Category(name, basis="opt-out") for name in ("statistics", "advertising")]
        consent = consent_of(make_gate(categories=categories))
        consent.choose(among=["advertising"])
        consent.choose("statistics", among=["statistics"])
        assert {"necessary", "statistics"} == consent.allowed


def consent_of(gate: Gate) -> Consent:
    """Return the consent of an undecided visitor whose answer has not begun."""
    return Consent(gate.policy, None, "ignore", NOW)


def test_errors_name_file_key_and_reason() -> None:
    """A policy error gains its place on the way up."""
    error = PolicyError("is wrong").below("max_age").below("cookies[2]").inside("p.toml")
    assert "p.toml: cookies[2].max_age: is wrong" == str(error)
    assert ("is wrong", "cookies[2].max_age", "p.toml") == (error.reason, error.key, error.file)
