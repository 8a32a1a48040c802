"""``consentgate policy diff``: what asks visitors again, what does not, and what CI is told."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import policy_documents
import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consentgate import Category, CookieRule, Policy
from consentgate.cli import main
from consentgate.cookie_policy.changes import compare, must_be_asked, will_be_asked
from consentgate.cookie_policy.consequences import CONSEQUENCES, Kind
from consentgate.cookie_policy.names import TooManyKinds, representative_names
from consentgate.rule_index import RuleIndex

if TYPE_CHECKING:
    from click.testing import Result

    from consentgate.cookie_policy.changes import Change

EXAMPLES = Path(__file__).parent.parent / "examples" / "policies"

# As a key: texts in errors are quoted by Python, keys are as they stand in the file.
ESCAPES = 'version = "1"\n[categories."\\u001b]0;x\\u0007"]\nbasis = "x"\n'
COOKIE = {
    "name": "_ga*",
    "category": "statistics",
    "max_age": "6 months",
    "vendor": "Google",
    "purpose": {"en": "Tells visitors apart", "fr": "Reconnaît les visiteurs"},
    "domain": "shop.example.org",
    "partitioned": True,
}
BASKET = {"name": "basket", "category": "necessary", "max_age": "1 day"}
SITE: dict[str, Any] = {
    "version": "1",
    "preset": "fr",
    "gpc": "override",
    "expire_with_consent": True,
    "cookie_domain": "shop.example.org",
    "routes": [{"path": "/contact"}],
    "categories": {
        "statistics": {"gpc": True, "title": {"en": "Measuring"}},
        "functional": {"basis": "opt-out"},
        "social": {"basis": "forbidden"},
        "security": {"basis": "exempt", "title": {"en": "Security"}},
    },
    "cookies": [COOKIE, BASKET],
}


def policy(**changes: Any) -> Policy:
    """Return the site's policy with some keys changed."""
    return Policy.from_mapping({**SITE, **changes})


def categories(**changes: dict[str, Any]) -> dict[str, Any]:
    """Return the policy's keys with some categories changed in part."""
    own = SITE["categories"]
    changed = {name: {**own.get(name, {}), **table} for name, table in changes.items()}
    return {"categories": {**own, **changed}}


def cookie(**changes: Any) -> dict[str, Any]:
    """Return the policy's keys with the measuring cookie changed in part."""
    return {"cookies": [{**COOKIE, **changes}, BASKET]}


def basket(**changes: Any) -> dict[str, Any]:
    """Return the policy's keys with the necessary cookie changed in part."""
    return {"cookies": [COOKIE, {**BASKET, **changes}]}


def more(**changes: Any) -> dict[str, Any]:
    """Return the policy's keys with one more cookie, which differs from the first in part."""
    return {"cookies": [COOKIE, BASKET, {**COOKIE, **changes}]}


def told(changes: list[Change]) -> dict[str, str]:
    """Return the kinds of changes by their keys."""
    return {change.key: change.kind for change in changes}


class Case(NamedTuple):
    """A change of the policy file, and what it is: kinds by key."""

    change: dict[str, Any]
    expected: dict[str, Kind]


SHORT_NAMES = ["".join(letters) for n in range(1, 6) for letters in product("abc", repeat=n)]
patterns = st.text("ab*?", min_size=1, max_size=4)
rule_lists = st.lists(
    st.builds(
        CookieRule,
        patterns,
        st.sampled_from(["necessary", "statistics", "advertising"]),
        vendor=st.sampled_from(["", "V", "W"]),
        purpose=st.sampled_from([{}, {"en": "p"}, {"en": "q"}]),
    ),
    max_size=4,
    unique_by=lambda rule: rule.name,
)


def site(*rules: CookieRule, **settings: Any) -> Policy:
    """Return a policy of these rules that asks about the same purposes whatever they are for."""
    asked = [Category("statistics"), Category("advertising"), Category("functional")]
    return Policy("1", categories=asked, cookies=rules, **settings)


def description(rule: CookieRule) -> tuple[str, str, str | None]:
    """Return what visitors are told a cookie is for, and whose it is."""
    return rule.category, rule.vendor, rule.purpose.get("en")


ASKS_AGAIN = {
    "a new category": Case(
        categories(maps={}),
        {"categories.maps": "category added"},
    ),
    "a new category that is opt-out": Case(
        categories(maps={"basis": "opt-out"}),
        {"categories.maps": "category added"},
    ),
    "a category of the preset that gains its first cookie": Case(
        more(name="_fbp", category="advertising"),
        {"categories.advertising": "category added", "cookies._fbp": "vendor"},
    ),
    "forbidden becomes opt-in": Case(
        categories(social={"basis": "opt-in"}),
        {"categories.social.basis": "choice added"},
    ),
    "exempt becomes opt-in": Case(
        categories(security={"basis": "opt-in"}),
        {"categories.security.basis": "choice added"},
    ),
    "opt-out becomes opt-in": Case(
        categories(functional={"basis": "opt-in"}),
        {"categories.functional.basis": "consent needed"},
    ),
    "opt-in becomes opt-out": Case(
        categories(statistics={"basis": "opt-out"}),
        {"categories.statistics.basis": "refusal needed"},
    ),
    "a purpose's title in other words": Case(
        categories(statistics={"title": {"en": "Measuring and profiling"}}),
        {"categories.statistics.title": "purpose"},
    ),
    "a purpose's description in other words": Case(
        categories(statistics={"description": {"en": "Sells what you do."}}),
        {"categories.statistics.description": "purpose"},
    ),
    "a signal that refuses less": Case(
        {"gpc": "default"},
        {"gpc": "listed elsewhere", "categories.statistics.gpc": "signal weaker"},
    ),
    "a category that a signal refuses no more": Case(
        categories(statistics={"gpc": False}),
        {"categories.statistics.gpc": "signal weaker"},
    ),
    "a cookie of a new vendor": Case(
        more(name="_pk_id", vendor="Matomo"),
        {"cookies._pk_id": "vendor"},
    ),
    "a cookie for a new purpose": Case(
        more(name="_gid", purpose={"en": "Counts clicks"}),
        {"cookies._gid": "purpose"},
    ),
    "a cookie that lives longer than its like": Case(
        more(name="_gid", max_age="7 months"),
        {"cookies._gid": "longer life"},
    ),
    "a cookie that is sent further than its like": Case(
        more(name="_gid", domain="example.org"),
        {"cookies._gid": "wider reach"},
    ),
    "another vendor": Case(
        cookie(vendor="Matomo"),
        {"cookies._ga*.vendor": "vendor"},
    ),
    "another purpose in one language": Case(
        cookie(purpose={"en": "Tells visitors apart", "fr": "Suit les visiteurs"}),
        {"cookies._ga*.purpose": "purpose"},
    ),
    "a purpose in another language alone": Case(
        cookie(purpose={"de": "Unterscheidet Besucher"}),
        {"cookies._ga*.purpose": "purpose"},
    ),
    "a cookie that nothing is told of": Case(
        more(name="_fbp", vendor=" ", purpose={"en": ""}),
        {"cookies._fbp": "undescribed"},
    ),
    "a vendor that is replaced by the site": Case(
        cookie(vendor=""),
        {"cookies._ga*.vendor": "vendor"},
    ),
    "a purpose that is told no more": Case(
        cookie(purpose={}),
        {"cookies._ga*.purpose": "purpose"},
    ),
    "patterns that overlap in too many ways": Case(
        {"cookies": [*({**COOKIE, "name": f"*{letter}*"} for letter in ascii_lowercase), BASKET]},
        {
            "cookies": "not compared",
            "cookies._ga*": "narrower",
            **{f"cookies.*{letter}*": "covered" for letter in ascii_lowercase},
        },
    ),
    "a longer life": Case(
        cookie(max_age="7 months"),
        {"cookies._ga*.max_age": "longer life"},
    ),
    "a parent domain": Case(
        cookie(domain=".Example.org"),
        {"cookies._ga*.domain": "wider reach"},
    ),
    "a domain elsewhere": Case(
        cookie(domain="myshop.example.org"),
        {"cookies._ga*.domain": "wider reach"},
    ),
    "a cookie that is no longer partitioned": Case(
        cookie(partitioned=False),
        {"cookies._ga*.partitioned": "wider reach"},
    ),
    "a cookie that moves to another purpose": Case(
        cookie(category="functional"),
        {"cookies._ga*.category": "cookie moved"},
    ),
    "a necessary cookie that is asked about now": Case(
        basket(category="functional"),
        {"cookies.basket.category": "cookie moved"},
    ),
    "a part of a cookie's names that moves": Case(
        more(name="_ga_x*", category="functional"),
        {"cookies._ga_x*.name": "narrower", "cookies._ga_x*.category": "cookie moved"},
    ),
    "cookies that outlive the consent": Case(
        {"expire_with_consent": False},
        {"expire_with_consent": "outlives consent"},
    ),
    "decisions that count on more hosts": Case(
        {"cookie_domain": "example.org"},
        {"cookie_domain": "wider reach"},
    ),
}

DOES_NOT = {
    "another version": Case({"version": "2"}, {"version": "version"}),
    "another consent cookie": Case(
        {"cookie_name": "choice"}, {"cookie_name": "name of the consent cookie"}
    ),
    "decisions that count on fewer hosts": Case(
        {"cookie_domain": "eu.shop.example.org"}, {"cookie_domain": "narrower"}
    ),
    "decisions that count on one host": Case(
        {"cookie_domain": None}, {"cookie_domain": "narrower"}
    ),
    "another preset of the same effect": Case({"preset": "it"}, {"preset": "listed elsewhere"}),
    "a framework's cookies": Case(
        {"frameworks": ["flask"]},
        {
            "frameworks": "listed elsewhere",
            "cookies.session": "unasked",
            "cookies.remember_token": "unasked",
        },
    ),
    "report only": Case({"mode": "report"}, {"mode": "enforcement"}),
    "report only in one category": Case(
        categories(statistics={"mode": "report"}),
        {"categories.statistics.mode": "enforcement"},
    ),
    "undeclared cookies are let through": Case(
        {"unregistered": "allow"}, {"unregistered": "enforcement"}
    ),
    "another validity": Case(
        {"consent_valid_for": "5 months"},
        {"consent_valid_for": "validity", "ask_again_after": "validity"},
    ),
    "a limit that limits nothing": Case({"max_age": "9 months"}, {"max_age": "listed elsewhere"}),
    "a limit that shortens lives": Case(
        {"max_age": "5 months"},
        {"max_age": "listed elsewhere", "cookies._ga*.max_age": "narrower"},
    ),
    "a rule's life beyond a limit": Case(
        {"max_age": "6 months", **cookie(max_age="2 years")},
        {"max_age": "listed elsewhere"},
    ),
    "another place for the pages": Case({"path_prefix": "/cookies/"}, {"path_prefix": "pages"}),
    "other words on the pages": Case({"texts": {"en": {"save": "Save"}}}, {"texts": "pages"}),
    "a route that stores something now": Case({"routes": []}, {"routes": "routes"}),
    "a signal that is honoured now": Case(
        {"dnt": "override"},
        {
            "dnt": "listed elsewhere",
            "categories.statistics.gpc": "narrower",
        },
    ),
    "a category that is no longer used": Case(
        {
            "categories": {
                name: own for name, own in SITE["categories"].items() if name != "functional"
            }
        },
        {"categories.functional": "narrower"},
    ),
    "a new exempt category": Case(
        categories(login={"basis": "exempt"}), {"categories.login": "unasked"}
    ),
    "an opt-in that becomes forbidden": Case(
        categories(statistics={"basis": "forbidden"}), {"categories.statistics.basis": "narrower"}
    ),
    "an opt-in that becomes exempt": Case(
        categories(statistics={"basis": "exempt"}),
        {"categories.statistics.basis": "choice removed"},
    ),
    "an exempt category that becomes forbidden": Case(
        categories(security={"basis": "forbidden"}), {"categories.security.basis": "narrower"}
    ),
    "a forbidden category that becomes exempt": Case(
        categories(social={"basis": "exempt"}), {"categories.social.basis": "unasked"}
    ),
    "an exempt category in other words": Case(
        categories(security={"title": {"en": "Safety"}}), {"categories.security.title": "unasked"}
    ),
    "a title in one more language": Case(
        categories(statistics={"title": {"en": "Measuring", "pl": "Pomiary"}}),
        {"categories.statistics.title": "wording"},
    ),
    "a purpose in letters of another case": Case(
        cookie(purpose={**COOKIE["purpose"], "en": " tells  Visitors apart"}),
        {"cookies._ga*.purpose": "wording"},
    ),
    "a purpose in fewer languages": Case(
        cookie(purpose={"en": "Tells visitors apart"}), {"cookies._ga*.purpose": "wording"}
    ),
    "a purpose that is told in no words as before": Case(
        basket(purpose={"en": " "}), {"cookies.basket.purpose": "unasked"}
    ),
    "a vendor in letters of another case": Case(
        cookie(vendor="GOOGLE"), {"cookies._ga*.vendor": "wording"}
    ),
    "a shorter life": Case(cookie(max_age="1 month"), {"cookies._ga*.max_age": "narrower"}),
    "a session cookie": Case(cookie(max_age="session"), {"cookies._ga*.max_age": "narrower"}),
    "one host alone": Case(cookie(domain=None), {"cookies._ga*.domain": "narrower"}),
    "another path": Case(cookie(path="/shop"), {}),
    "a cookie removed": Case({"cookies": [COOKIE]}, {"cookies.basket": "narrower"}),
    "a cookie of the same vendor for the same purpose": Case(
        more(name="_gid"), {"cookies._gid": "covered"}
    ),
    "names that a rule covered already": Case(
        {"cookies": [{**COOKIE, "name": "_ga_*"}, {**COOKIE, "name": "_ga"}, BASKET]},
        {
            "cookies._ga_*.name": "narrower",
            "cookies._ga.name": "narrower",
            "cookies._ga*": "narrower",
        },
    ),
    "another order of the rules": Case({"cookies": [BASKET, COOKIE]}, {}),
    "a new necessary cookie": Case(
        more(name="csrf", category="necessary"), {"cookies.csrf": "unasked"}
    ),
    "a necessary cookie that lives longer": Case(
        basket(max_age="1 year"), {"cookies.basket.max_age": "unasked"}
    ),
    "a necessary cookie of another exempt category": Case(
        basket(category="security"), {"cookies.basket.category": "unasked"}
    ),
    "a measuring cookie that is declared necessary": Case(
        cookie(category="necessary"), {"cookies._ga*.category": "choice removed"}
    ),
    "a measuring cookie that is ruled out": Case(
        cookie(category="social"), {"cookies._ga*.category": "unasked"}
    ),
}


class TestCompare:
    """Each kind of change, and what follows from it."""

    @pytest.mark.parametrize("case", ASKS_AGAIN.values(), ids=ASKS_AGAIN)
    def test_beyond_what_visitors_agreed_to(self, case: Case) -> None:
        """They must be asked again."""
        changes = compare(policy(), policy(**case.change))

        assert case.expected == told(changes)
        assert must_be_asked(changes)

    @pytest.mark.parametrize("case", DOES_NOT.values(), ids=DOES_NOT)
    def test_within_what_visitors_agreed_to(self, case: Case) -> None:
        """They need not be asked again."""
        changes = compare(policy(), policy(**case.change))

        assert case.expected == told(changes)
        assert not must_be_asked(changes)

    def test_every_kind_is_shown_above(self) -> None:
        """The table of consequences has no line that nothing leads to."""
        shown = {
            kind
            for case in (*ASKS_AGAIN.values(), *DOES_NOT.values())
            for kind in case.expected.values()
        }

        assert set(get_args(Kind)) == set(CONSEQUENCES) == shown

    def test_every_kind_has_a_reason_and_a_source(self) -> None:
        """Whoever doubts an answer finds what it rests on."""
        assert all(reason and source for _, reason, source in CONSEQUENCES.values())

    @given(policy_documents.documents())
    @settings(max_examples=100, deadline=None)
    def test_a_policy_does_not_differ_from_itself(self, document: dict[str, Any]) -> None:
        """However it was made, and whatever it says."""
        once, twice = Policy.from_mapping(document), Policy.from_mapping(document)

        assert [] == compare(once, twice)
        assert not will_be_asked(once, twice)

    @given(policy_documents.documents(), policy_documents.documents())
    @settings(max_examples=100, deadline=None)
    def test_any_two_policies_can_be_compared(
        self, old: dict[str, Any], new: dict[str, Any]
    ) -> None:
        """Each message is a line that no terminal obeys."""
        changes = compare(Policy.from_mapping(old), Policy.from_mapping(new))

        assert all(change.message.isprintable() for change in changes)

    def test_both_signals_are_told_apart(self) -> None:
        """What one no longer refuses is not made up for by the other."""
        changes = compare(policy(), policy(gpc="ignore", dnt="override"))

        assert {"signal weaker", "narrower"} == {
            change.kind for change in changes if change.key == "categories.statistics.gpc"
        }

    def test_a_rule_that_takes_over_is_compared_with_the_one_it_replaces(self) -> None:
        """A wider pattern does not hide that a cookie is for something else now."""
        old = policy(**cookie(name="_ga", category="functional"))
        new = policy(**cookie(name="_g*"))

        assert "cookie moved" == told(compare(old, new))["cookies._g*.category"]

    def test_a_pattern_is_covered_only_where_a_rule_has_room_for_all_it_names(self) -> None:
        """`_g?` governs `_ga`, but not all of `_g*`."""
        old, new = policy(**cookie(name="_g?")), policy(**cookie(name="_g*", max_age="1 month"))

        assert {"cookies._g*", "cookies._g*.name", "cookies._g*.max_age"} == set(
            told(compare(old, new))
        )
        assert {"cookies._ga.name"} < set(told(compare(old, policy(**cookie(name="_ga")))))

    def test_a_purpose_that_was_never_told_stays_untold(self) -> None:
        """No words and empty ones are the same."""
        old, new = policy(**cookie(purpose={"en": ""})), policy(**cookie(purpose={}))

        assert {"cookies._ga*.purpose": "wording"} == told(compare(old, new))

    def test_a_pattern_that_shrinks_leaves_cookies_to_another(self) -> None:
        """`aba` was for measuring and is for advertising, though no rule of its own says so."""
        old = site(CookieRule("ab*", "statistics"), CookieRule("a*", "advertising"))
        new = site(CookieRule("ab", "statistics"), CookieRule("a*", "advertising"))

        assert [
            ("cookies.ab.name", "it governs cookies of 'ab*' now", False),
            ("cookies.a*.name", "it governs cookies of 'ab*' now", False),
            (
                "cookies.a*.category",
                "it was statistics and is advertising, for cookies of 'ab*'",
                True,
            ),
        ] == [(change.key, change.message, change.asks_again) for change in compare(old, new)]

    def test_a_rule_that_goes_leaves_cookies_to_another(self) -> None:
        """The exact rule's cookie is now the pattern's."""
        old = site(CookieRule("_ga", "statistics"), CookieRule("_g*", "advertising"))
        new = site(CookieRule("_g*", "advertising"))

        assert "cookie moved" == told(compare(old, new))["cookies._g*.category"]

    def test_a_cookie_that_goes_to_a_vendor_of_the_same_purpose(self) -> None:
        """Visitors who agreed were told of both, as where the cookie is new."""
        other = CookieRule("b*", "statistics", vendor="Matomo")
        old = site(CookieRule("a*", "statistics", vendor="Google"), other)
        new = site(*old.cookies, CookieRule("ab*", "statistics", vendor="Matomo"))

        assert {
            "cookies.ab*.name": "narrower",
            "cookies.ab*.vendor": "covered",
        } == told(compare(old, new))

    def test_a_pattern_around_the_gates_own_cookies(self) -> None:
        """They are never its: another name of theirs changes nothing else."""
        rule = CookieRule("eu-*", "statistics")
        changes = compare(site(rule), site(rule, cookie_name="eu-choice"))

        assert {"cookie_name": "name of the consent cookie"} == told(changes)

    def test_what_cannot_be_compared_does_not_differ_from_itself(self) -> None:
        """However its patterns overlap."""
        tangle = [CookieRule(f"*{letter}*", "statistics") for letter in ascii_lowercase]

        assert [] == compare(site(*tangle), site(*tangle))

    @given(rule_lists, rule_lists)
    @settings(max_examples=300, deadline=None)
    @example(
        [CookieRule("ab*", "statistics"), CookieRule("a*", "advertising")],
        [CookieRule("ab", "statistics"), CookieRule("a*", "advertising")],
    )
    @example(
        [CookieRule("*", "statistics", vendor="V"), CookieRule("?b", "functional")],
        [CookieRule("a*", "statistics", vendor="V"), CookieRule("?b", "functional")],
    )
    def test_no_cookie_changes_hands_in_silence(
        self, old: list[CookieRule], new: list[CookieRule]
    ) -> None:
        """Whoever stores it now and what for was told in that category, or visitors are asked."""
        before, after = site(*old), site(*new)
        was_told = {description(rule) for rule in old}

        if not must_be_asked(compare(before, after)):
            for name in SHORT_NAMES:
                rule = after.rule_for(name)
                if rule is not None and after.categories[rule.category].decidable:
                    was = before.rule_for(name)
                    assert was is None or was.category == rule.category, name
                    assert description(rule) in was_told, name

    def test_messages(self) -> None:
        """They say what was and what is, for people."""
        new = policy(
            mode="report",
            routes=[],
            frameworks=["flask"],
            expire_with_consent=False,
            **categories(maps={}, statistics={"title": {"en": "Tracking\x1b[2J"}}),
            **cookie(max_age="session", purpose={"en": "Tells visitors apart", "fr": ""}),
        )

        messages = {change.key: change.message for change in compare(policy(), new)}

        assert "it was 'strip' and is 'report'" == messages["mode"]
        assert "it was '/contact' and is not set" == messages["routes"]
        assert "it was not set and is 'flask'" == messages["frameworks"]
        assert "it was true and is false" == messages["expire_with_consent"]
        assert "it is new, and opt-in" == messages["categories.maps"]
        assert (
            "in en it was 'Measuring' and is 'Tracking\\x1b[2J'"
            == messages["categories.statistics.title"]
        )
        assert "it was 6 months and is the browser session" == messages["cookies._ga*.max_age"]
        assert (
            "in fr it was 'Reconnaît les visiteurs' and is not set"
            == messages["cookies._ga*.purpose"]
        )


class TestRepresentativeNames:
    """The names that stand for all others."""

    @given(st.lists(patterns, max_size=4))
    @settings(max_examples=200, deadline=None)
    @example(["a**b", "?*", "*?", "a"])
    def test_whatever_matches_a_name_matches_one_of_them(self, some: list[str]) -> None:
        """And nothing else does; of a policy's index each is the only rule here."""
        alone = [RuleIndex([CookieRule(pattern, "statistics")]) for pattern in some]

        def kind(name: str) -> tuple[bool, ...]:
            return tuple(index.find(name) is not None for index in alone)

        representatives = {kind(name) for name in representative_names(some)}
        assert {kind(name) for name in SHORT_NAMES if any(kind(name))} <= representatives
        assert all(map(any, representatives))

    def test_they_are_few(self) -> None:
        """However long and many the names may be that the patterns match."""
        names = list(representative_names(["a", "ab*", "a", "?"]))

        assert ["a", "\0", "ab"] == names

    def test_the_search_ends(self) -> None:
        """Patterns can be written that overlap in more ways than there is room for."""
        with pytest.raises(TooManyKinds):
            list(representative_names(["*a" + "?" * 60, "*b*"], most_steps=10_000))


class TestWillBeAsked:
    """Whether the gate asks everybody again."""

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({}, False),
            ({"version": "2"}, True),
            ({"cookie_name": "choice"}, True),
            ({"cookie_domain": "example.org"}, False),
            (categories(maps={}), False),
        ],
    )
    def test_a_decision_counts_under_its_version_and_name(
        self, change: dict[str, Any], expected: bool
    ) -> None:
        """Under another version, or where it is not found, nobody has decided (R20)."""
        assert expected == will_be_asked(policy(), policy(**change))

    def test_where_nobody_was_asked_before(self) -> None:
        """Nobody has decided, so everybody is asked under the same version too."""
        nothing = Policy("1", preset="fr")

        assert will_be_asked(nothing, policy())

    def test_where_there_is_nothing_to_ask_about(self) -> None:
        """A new version of a policy without choices shows nobody a banner."""
        assert not will_be_asked(policy(), Policy("2", preset="fr"))


def run(*arguments: str) -> Result:
    """Run ``consentgate policy diff``."""
    return CliRunner().invoke(main, ["policy", "diff", *arguments])


@pytest.fixture
def old(tmp_path: Path) -> str:
    """Return the path of the policy that is deployed."""
    return write(tmp_path / "old.toml", policy_documents.toml_document(SITE))


def write(path: Path, text: str) -> str:
    """Write a policy file; return its path."""
    path.write_text(text, encoding="utf-8")
    return str(path)


def changed(folder: Path, **changes: Any) -> str:
    """Write a policy that differs in some keys; return its path."""
    text = policy_documents.toml_document({**SITE, **changes})
    return write(folder / "new.toml", text)


class TestCommand:
    """The command line, and what CI makes of it."""

    def test_nothing_changed(self, old: str) -> None:
        """It says so, and passes."""
        result = run(old, old)

        expected = "nothing changed\n\nmust be asked again: no\nwill be asked again: no\n"
        assert (0, expected) == (result.exit_code, result.output)

    def test_asked_in_vain(self, old: str, tmp_path: Path) -> None:
        """Where visitors must be asked and will not be, CI fails and the remedy is named."""
        result = run(old, changed(tmp_path, **cookie(max_age="7 months")))

        assert 1 == result.exit_code
        assert (
            "ask again: how long a cookie lives belongs to what visitors agreed to "
            "(GDPR, article 4(11); CJEU, C-673/17 (Planet49), paragraphs 75 to 81)\n"
            "  cookies._ga*.max_age: it was 6 months and is 7 months\n\n"
            "must be asked again: yes\nwill be asked again: no\n"
        ) == result.stdout
        assert "give the new policy another version" in result.stderr

    def test_asked_again(self, old: str, tmp_path: Path) -> None:
        """With another version it passes; what asks again comes first, one reason for its like."""
        new = changed(tmp_path, version="2", **more(name="_pk_id", vendor="Matomo"))

        result = run(old, new)

        assert (0, "") == (result.exit_code, result.stderr)
        assert result.stdout.startswith("ask again: visitors were not told of whoever")
        assert "\n\nno need to ask: it says nothing new" in result.stdout
        assert "must be asked again: yes\nwill be asked again: yes\n" in result.stdout

    def test_asked_without_need(self, old: str, tmp_path: Path) -> None:
        """It passes with a warning: authorities do not want that."""
        result = run(old, changed(tmp_path, version="2"))

        assert 0 == result.exit_code
        assert "must be asked again: no\nwill be asked again: yes\n" in result.stdout
        assert result.stderr.startswith("warning: visitors will be asked again without need")

    def test_the_same_for_machines(self, old: str, tmp_path: Path) -> None:
        """JSON on standard output, and the same exit code."""
        result = run(old, changed(tmp_path, **cookie(vendor="Matomo")), "--json")

        facts = json.loads(result.stdout)
        assert (1, True, False) == (
            result.exit_code,
            facts["must_be_asked_again"],
            facts["will_be_asked_again"],
        )
        [change] = facts["changes"]
        assert {
            "key": "cookies._ga*.vendor",
            "kind": "vendor",
            "message": "it was 'Google' and is 'Matomo'",
            "asks_again": True,
            "reason": CONSEQUENCES["vendor"].reason,
            "source": CONSEQUENCES["vendor"].source,
        } == change

    def test_a_terminal_that_shows_little(self, old: str, tmp_path: Path) -> None:
        """What it has no letters for is spelled out."""
        new = changed(tmp_path, **cookie(vendor="Ελλάδα"))

        result = CliRunner(charset="ascii").invoke(main, ["policy", "diff", old, new])

        assert (1, True) == (result.exit_code, r"\u0395\u03bb" in result.output)

    @pytest.mark.parametrize("order", [("{old}", "{bad}"), ("{bad}", "{old}")])
    def test_a_policy_that_cannot_be_read(
        self, old: str, tmp_path: Path, order: tuple[str, str]
    ) -> None:
        """It is not taken for an answer: exit code 2, and one line that names file and key."""
        bad = write(tmp_path / "bad.toml", 'version = ""\n')

        result = run(*(path.format(old=old, bad=bad) for path in order))

        assert (2, "") == (result.exit_code, result.stdout)
        assert f"{bad}: version: '' is not a version" in result.stderr

    @pytest.mark.parametrize("order", [("{old}", "{bad}"), ("{bad}", "{old}")])
    def test_no_mistake_controls_the_terminal(
        self, old: str, tmp_path: Path, order: tuple[str, str]
    ) -> None:
        """What it quotes of the file is shown in letters."""
        bad = write(tmp_path / "bad.toml", ESCAPES)

        result = run(*(path.format(old=old, bad=bad) for path in order))

        assert 2 == result.exit_code
        assert result.stderr[:-1].isprintable()
        assert r"\x1b]0;x\x07" in result.stderr

    @pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
    def test_the_examples(self, path: Path) -> None:
        """Each can be compared with each other one."""
        for other in EXAMPLES.glob("*.toml"):
            result = run(str(path), str(other))
            assert result.exit_code in (0, 1)
            assert (path == other) == ("nothing changed" in result.output)
