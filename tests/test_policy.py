"""Policies made by keywords: what they say, what they refuse, and that they stay as made."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import FrozenInstanceError, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate import Category, CookieRule, Policy, PolicyError, Route
from consentgate.duration import DAY, months

if TYPE_CHECKING:
    from collections.abc import Callable

RICH = Policy(
    "2026-11",
    preset="fr",
    frameworks=["django"],
    categories=[Category("chat", max_age="1 day", mode="report", title={"en": "Chat"})],
    cookies=[CookieRule("talk*", "chat", max_age="session", purpose={"en": "Talks"})],
    routes=[Route("/contact")],
    cookie_domain="example.org",
)
VALUES = [RICH, RICH.categories["chat"], RICH.cookies[0], RICH.routes[0]]


def kind(value: object) -> str:
    """Return the name of the class of ``value``, for test ids."""
    return type(value).__name__


class TestCategory:
    """`Category`."""

    def test_defaults(self) -> None:
        """A category that nothing is said of needs a grant."""
        category = Category("chat")

        assert category.basis == "opt-in"
        assert category.max_age is category.mode is None
        assert category.gpc is False
        assert category.title == category.description == {}

    @pytest.mark.parametrize(
        ("basis", "decidable"),
        [("exempt", False), ("opt-in", True), ("opt-out", True), ("forbidden", False)],
    )
    def test_decidable(self, basis: Any, decidable: bool) -> None:
        """The visitor decides where a grant or a refusal changes something."""
        assert Category("chat", basis=basis).decidable is decidable

    def test_over_a_preset(self) -> None:
        """What is left out comes from below, translations one by one; what is said stands."""
        below = Category(
            "ads", basis="opt-out", max_age="1 day", gpc=True, title={"en": "Ads", "fr": "Pub"}
        )

        merged = Category("ads", gpc=False, title={"en": "Advertising"}).over(below)

        assert merged == Category(
            "ads",
            basis="opt-out",
            max_age=DAY,
            gpc=False,
            title={"en": "Advertising", "fr": "Pub"},
        )
        assert merged.over(None) is merged

    def test_over_twice(self) -> None:
        """What was merged counts as said."""
        first = Category("ads", gpc=True).over(Category("ads", basis="opt-out"))

        assert first.over(Category("ads", basis="forbidden")).basis == "opt-out"

    def test_replace(self) -> None:
        """`dataclasses.replace` makes a changed and checked copy."""
        category = Category("chat", max_age="1 day", title={"en": "Chat"})

        assert replace(category, basis="exempt") == Category(
            "chat", basis="exempt", max_age="1 day", title={"en": "Chat"}
        )
        with pytest.raises(PolicyError, match=r"^basis: 'opt' is none of"):
            replace(category, basis="opt")  # type: ignore[arg-type]

    @pytest.mark.parametrize("id_", ["", "Chat", "1chat", "-chat", "chat room", 33 * "c", "chat\n"])
    def test_ids(self, id_: str) -> None:
        """An id is short and simple: it goes into the consent cookie and into HTML."""
        with pytest.raises(PolicyError, match="cannot name a category; use up to 32"):
            Category(id_)

    @pytest.mark.parametrize("id_", ["id", "policy", "signature", "time"])
    def test_ids_of_the_consent_cookie(self, id_: str) -> None:
        """The consent cookie has these names already."""
        with pytest.raises(PolicyError, match="none of id, policy, signature, time"):
            Category(id_)

    @pytest.mark.parametrize("key", ["basis", "max_age", "mode", "gpc", "title", "description"])
    @pytest.mark.parametrize("value", ["", 0, (), [], b"", 0.0])
    def test_empty_is_not_left_out(self, key: str, value: object) -> None:
        """Only None leaves a value out; whatever else is false is a mistake."""
        with pytest.raises(PolicyError, match=f"^{key}: "):
            Category("chat", **{key: value})  # type: ignore[arg-type]


class TestCookieRule:
    """`CookieRule`."""

    def test_defaults(self) -> None:
        """A rule says at least a name and a category."""
        rule = CookieRule("_ga", "statistics")

        assert (rule.max_age, rule.vendor, rule.purpose) == (None, "", {})
        assert (rule.domain, rule.path, rule.partitioned) == (None, "/", False)

    @pytest.mark.parametrize(
        "name", ["_ga", "_ga*", "a?c", "__Host-id", "cart[items]", 'a,"b"', "$%&|~", 256 * "n"]
    )
    def test_names(self, name: str) -> None:
        """Names that browsers take and sites have."""
        assert CookieRule(name, "necessary").name == name

    @pytest.mark.parametrize("domain", ["example.org", ".example.org", "a-b.xn--p1ai", "1.2.co"])
    def test_domains(self, domain: str) -> None:
        """Domains, with the leading dot of old."""
        assert CookieRule("a", "necessary", domain=domain).domain == domain

    @pytest.mark.parametrize(
        "domain", ["localhost", "10.0.0.1", "[::1]", "a..b", ".a", "a.b.", "a_b.c", "é.fr", "a.b\n"]
    )
    def test_what_is_no_domain(self, domain: str) -> None:
        """No host of one label and no address: a cookie with such a Domain is refused (R18)."""
        with pytest.raises(PolicyError, match=r"^domain: .* such as 'example\.org'"):
            CookieRule("a", "necessary", domain=domain)

    def test_no_line_can_be_smuggled(self) -> None:
        """Nothing that ends a header or an attribute gets into a rule."""
        for end in "\r\n\0;\x7f\x85\u2028":
            with pytest.raises(PolicyError):
                CookieRule(f"a{end}b", "necessary")
            with pytest.raises(PolicyError):
                CookieRule("a", "necessary", path=f"/{end}")
            with pytest.raises(PolicyError):
                CookieRule("a", "necessary", domain=f"a.b{end}")


class TestRoute:
    """`Route`."""

    @pytest.mark.parametrize(
        ("route", "path", "covered"),
        [
            ("/contact", "/contact", True),
            ("/contact", "/contact/", False),
            ("/contact", "/Contact", False),
            ("/contact", "/contact/us", False),
            ("/help/*", "/help/", True),
            ("/help/*", "/help/a/b", True),
            ("/help/*", "/help", False),
            ("/help*", "/helpless", True),
            ("/*", "/", True),
            ("/*", "", False),
            ("/café", "/café", True),
            ("/100%", "/100%", True),
        ],
    )
    def test_covers(self, route: str, path: str, covered: bool) -> None:
        """A route is one path, or all that begin so."""
        assert Route(route).covers(path) is covered

    @pytest.mark.parametrize("path", ["", "contact", "/a*b", "/**", "/a?b", "/a#b", "/%41", "/\n"])
    def test_paths_that_would_never_match(self, path: str) -> None:
        """A path that no request has is a mistake, for cookies would be stored there unnoticed."""
        with pytest.raises(PolicyError, match=r"^path: .* is not a path"):
            Route(path)


class TestPolicy:
    """`Policy`."""

    def test_what_follows_from_the_validity(self) -> None:
        """A refusal is asked again when a consent would be, unless it has a time of its own."""
        one = Policy("1", consent_valid_for="30 days")
        two = Policy("1", consent_valid_for="30 days", ask_again_after="60 days")

        assert one.ask_again_after == 30 * DAY
        assert two.ask_again_after == 60 * DAY

    @pytest.mark.parametrize(
        ("preset", "days"),
        [
            *((name, 30) for name in ("strict", "eu", "uk", "fr", "fr-2013", "es")),
            ("it", 181),  # Garante, 10 June 2021
            *((name, 365) for name in ("us-ca", "us-other")),  # CCPA section 1798.135
        ],
    )
    def test_R21_the_law_asks_before_the_validity_does(self, preset: str, days: int) -> None:
        """Only a preset whose law says how long a refusal holds keeps it against the site's own."""
        follows = Policy("1", preset=preset, consent_valid_for="30 days")
        stated = Policy("1", preset=preset, consent_valid_for="30 days", ask_again_after="60 days")

        assert follows.ask_again_after == days * DAY
        assert stated.ask_again_after == 60 * DAY

    @pytest.mark.parametrize("preset", ["strict", "us-ca"])
    def test_a_category_of_the_preset_is_changed(self, preset: str) -> None:
        """The site says one thing of a category; the rest is as the preset has it."""
        before = Policy("1", preset=preset).categories
        after = Policy(
            "1", preset=preset, categories=[Category("social", title={"de": "Netzwerke"})]
        ).categories

        assert after["social"].title == {**before["social"].title, "de": "Netzwerke"}
        assert after["social"].basis == before["social"].basis
        assert {**after, "social": None} == {**before, "social": None}

    @pytest.mark.parametrize(
        ("mode", "own", "expected"),
        [("strip", None, "strip"), ("report", None, "report"), ("strip", "block", "block")],
    )
    def test_mode_for(self, mode: Any, own: Any, expected: str) -> None:
        """A category's own mode beats the policy's (R7)."""
        policy = Policy("1", mode=mode, categories=[Category("chat", mode=own)])

        assert policy.mode_for("chat") == expected

    @given(
        *[st.none() | st.integers(1, 900) for _ in range(3)],
        st.sampled_from(["session", None, "own"]),
    )
    def test_limit(
        self, policy_days: int | None, category_days: int | None, days: int | None, rule: str | None
    ) -> None:
        """A cookie lives as long as the least of rule, category, policy and 400 days (R12)."""

        def seconds(count: int | None) -> int | None:
            return count and count * DAY

        max_age = seconds(days) if rule == "own" else rule
        policy = Policy(
            "1",
            max_age=seconds(policy_days),
            categories=[Category("chat", max_age=seconds(category_days))],
            cookies=[CookieRule("talk", "chat", max_age=max_age)],
        )

        base = [policy_days or 393, 400]
        own = [category_days or 400, (rule == "own" and days) or 400]
        assert policy.limit(policy.rule_for("talk")) == min(base + own) * DAY
        assert policy.limit(None) == min(base) * DAY

    def test_the_sites_rules_beat_the_frameworks(self) -> None:
        """Even a pattern of the site's own beats a framework's exact name (R8)."""
        policy = Policy("1", frameworks=["django"], cookies=[CookieRule("session*", "functional")])

        assert [policy.rule_for(name).category for name in ("sessionid", "csrftoken")] == [  # type: ignore[union-attr]
            "functional",
            "necessary",
        ]
        assert policy.rule_for("other") is None

    @pytest.mark.parametrize("pattern", ["*", "eu-*", "eu?consent*", "*consent*"])
    @pytest.mark.parametrize("name", ["eu-consent", "eu-consent-deposits"])
    def test_no_pattern_catches_the_gates_own_cookies(self, pattern: str, name: str) -> None:
        """They stay exempt under a rule for everything else (R10)."""
        policy = Policy("1", cookies=[CookieRule(pattern, "advertising")])

        rule = policy.rule_for(name)

        assert rule is not None
        assert (rule.name, rule.category) == (name, "necessary")

    def test_the_declaration_lists_the_gates_own_cookies(self) -> None:
        """They are the last of the preset's rules, with their lives and the site's domain (R10)."""
        policy = Policy(
            "1",
            frameworks=["starlette"],
            consent_valid_for="30 days",
            ask_again_after="60 days",
            cookie_name="consent",
            cookie_domain="example.org",
        )

        consent, deposits = policy.preset_cookies[-2:]

        assert (consent.name, consent.max_age) == ("consent", 60 * DAY)
        assert (deposits.name, deposits.max_age) == ("consent-deposits", months(13))
        assert policy.deposits_cookie_name == deposits.name
        for rule in (consent, deposits):
            assert (rule.category, rule.domain) == ("necessary", "example.org")
            assert set(rule.purpose) == {"en", "fr", "de", "es", "it", "nl"}

    def test_no_rule_names_the_gates_own_cookies(self) -> None:
        """Whoever needs one of their names for something else is told to rename it (R10)."""
        for name in ("consent", "consent-deposits"):
            rules = [CookieRule(name, "necessary")]
            with pytest.raises(
                PolicyError, match=r"^cookies\[0\]\.name: .* is the gate's own cookie"
            ):
                Policy("1", cookie_name="consent", cookies=rules)

    @pytest.mark.parametrize("name", ["eu-consent", "__Host-consent", "a!#$%&'+.^_`|~b", 64 * "n"])
    def test_consent_cookie_names(self, name: str) -> None:
        """Every token of up to 64 characters."""
        assert Policy("1", cookie_name=name).cookie_name == name

    def test_no_wildcard_in_the_consent_cookies_name(self) -> None:
        """``*`` is a token (RFC 9110 5.6.2), but as a rule it would exempt every cookie."""
        with pytest.raises(PolicyError, match=r"^cookie_name: .* without '\*'"):
            Policy("1", cookie_name="*")

    @pytest.mark.parametrize(
        "name", ["__Http-c", "__http-", "__HTTP-eu-consent", "__Host-Http-c", "__host-hTTP-c"]
    )
    def test_R19_no_name_that_scripts_could_not_read(self, name: str) -> None:
        """Browsers keep such a cookie only with HttpOnly, which the consent cookie has not."""
        with pytest.raises(PolicyError, match=r"^cookie_name: .*HttpOnly.* use `__Host-`"):
            Policy("1", cookie_name=name)

    @pytest.mark.parametrize("name", ["__Http", "__HostHttp-c", "Http-c", "__Secure-Http-c"])
    def test_R19_names_that_only_resemble_those(self, name: str) -> None:
        """What is no such prefix to a browser is none to us."""
        assert Policy("1", cookie_name=name).cookie_name == name

    @pytest.mark.parametrize("name", ["__Host-c", "__host-c", "__HOST-c"])
    def test_host_names_and_domain(self, name: str) -> None:
        """Browsers refuse a ``__Host-`` cookie that has a Domain, in any case of its letters."""
        with pytest.raises(PolicyError, match=r"^cookie_domain: cannot go with"):
            Policy("1", cookie_name=name, cookie_domain="example.org")

    @pytest.mark.parametrize("path", ["/consent/", "/a/b/", "/.well-known/consent/", "/~me/c_1-2/"])
    def test_path_prefixes(self, path: str) -> None:
        """Any folder below the root."""
        assert Policy("1", path_prefix=path).path_prefix == path

    @pytest.mark.parametrize("version", ["1", "2026-11", "v1 (été)", "第二版", 64 * "v"])
    def test_versions(self, version: str) -> None:
        """Any short text that can be printed."""
        assert Policy(version).version == version

    @pytest.mark.parametrize("version", ["\ud800", "a\0", "a\x9f", "\u2028", "\u200b"])
    def test_versions_that_cannot_be_written(self, version: str) -> None:
        """A text that cannot be encoded or seen is told at start-up, not in an answer."""
        with pytest.raises(PolicyError, match="printable"):
            Policy(version)


class TestKeywordMistakes:
    """What only Python can get wrong: values of a wrong kind."""

    @pytest.mark.parametrize(
        ("key", "value", "place", "remedy"),
        [
            ("categories", ["chat"], r"categories\[0\]", r"write Category\(…\)"),
            ("categories", {"chat": Category("chat")}, "categories", "put it in brackets"),
            ("categories", Category("chat"), "categories", "put it in brackets"),
            (
                "categories",
                2 * [Category("a", gpc=True)],
                r"categories\[1\]",
                "keep one of the two",
            ),
            ("cookies", [{"name": "a"}], r"cookies\[0\]", r"write CookieRule\(…\)"),
            ("cookies", [CookieRule], r"cookies\[0\]", r"write CookieRule\(…\)"),
            ("cookies", None, "cookies", "put it in brackets"),
            ("cookies", "_ga", "cookies", "put it in brackets"),
            ("routes", ["/contact"], r"routes\[0\]", r"write Route\(…\)"),
            ("routes", [Route("/"), None], r"routes\[1\]", r"write Route\(…\)"),
            ("frameworks", None, "frameworks", "put it in brackets"),
            ("frameworks", b"django", r"frameworks\[0\]", "put it in quotes"),
            ("frameworks", {"django": {}}, "frameworks", "put it in brackets"),
        ],
    )
    def test_wrong_kinds(self, key: str, value: object, place: str, remedy: str) -> None:
        """They are told at start-up, with their place, and not at the first request."""
        with pytest.raises(PolicyError, match=f"^{place}: .*{remedy}"):
            Policy("1", **{key: value})  # type: ignore[arg-type]

    def test_any_iterable_of_the_right_kind(self) -> None:
        """Tuples, sets and generators are as good as lists."""
        rule = CookieRule("a", "necessary")

        made = Policy("1", frameworks={"django"}, cookies=(r for r in [rule]), routes=())

        assert made == Policy("1", frameworks=["django"], cookies=[rule])


class TestWithFramework:
    """`Policy.with_framework`."""

    def test_same_as_naming_it_at_once(self) -> None:
        """Added later or named at once, once or twice, a framework gives equal policies."""
        named = Policy("1", frameworks=["django", "flask"])

        assert Policy("1").with_framework("django").with_framework("flask") == named
        assert Policy("1", frameworks=["django", "flask", "django"]) == named
        assert named.with_framework("django") == named

    def test_under_the_sites_names(self) -> None:
        """The names of the settings are exempt, the defaults they replace are not."""
        policy = Policy("1", frameworks=["django"]).with_framework("django", {"sessionid": "sid"})

        assert policy.frameworks == ("django",)
        assert policy.rule_for("sid") == replace(
            Policy("1", frameworks=["django"]).rule_for("sessionid"),  # type: ignore[type-var]
            name="sid",
        )
        assert policy.rule_for("sessionid") is None
        assert policy.rule_for("csrftoken") is not None

    def test_named_again(self) -> None:
        """The last names count; those given before are forgotten."""
        policy = Policy("1").with_framework("django", {"sessionid": "first"})

        again = policy.with_framework("django", {"sessionid": "second"})

        assert again.rule_for("first") is None
        assert again == Policy("1").with_framework("django", {"sessionid": "second"})

    def test_names_that_change_places(self) -> None:
        """Two cookies may take each other's default name."""
        names = {"sessionid": "csrftoken", "csrftoken": "sessionid"}
        policy = Policy("1").with_framework("django", names)

        rule = policy.rule_for("csrftoken")

        assert rule is not None
        assert rule.purpose["en"].startswith("Keeps your visit together")

    def test_two_frameworks_with_one_name(self) -> None:
        """Flask's session under another name leaves Starlette's where it is."""
        policy = Policy("1", frameworks=["starlette"]).with_framework("flask", {"session": "f"})

        assert policy.frameworks == ("starlette", "flask")
        assert [policy.rule_for(name).vendor for name in ("session", "f")] == ["Starlette", "Flask"]  # type: ignore[union-attr]

    def test_the_sites_rules_still_win(self) -> None:
        """A rule of the site for the same name stays ahead."""
        policy = Policy("1", cookies=[CookieRule("sid", "functional")])

        rule = policy.with_framework("django", {"sessionid": "sid"}).rule_for("sid")

        assert rule == CookieRule("sid", "functional")

    def test_the_first_policy_is_left_alone(self) -> None:
        """A new policy is made; the old one stays as it was."""
        policy = Policy("1")
        before = copy.deepcopy(policy)

        changed = policy.with_framework("flask")

        assert policy == before != changed
        assert policy.rule_for("session") is None

    @pytest.mark.parametrize(
        ("framework", "names", "error"),
        [
            ("rails", {}, r"^frameworks: 'rails' is no preset; there are django"),
            ("fr", {}, r"^frameworks: 'fr' is no framework; name it as `preset`"),
            (None, {}, r"^frameworks: None is not text"),
            ([], {}, r"^frameworks: \[\] is not text"),
            ("django", {"sessoinid": "s"}, r"^django: 'sessoinid' is no cookie .* sessionid,"),
            ("django", {"sessionid": "a b"}, r"^django\.sessionid\.name: 'a b' cannot name"),
            ("django", {"sessionid": None}, r"^django\.sessionid\.name: None is not text"),
            ("django", {"sessionid": "eu-consent"}, r"^cookie_name: .*; rename one of the two"),
            ("flask", {"session": "eu-consent-deposits"}, r"^cookie_name: .*; rename one of the"),
        ],
    )
    def test_mistakes(self, framework: Any, names: dict[str, Any], error: str) -> None:
        """Each names framework, cookie and remedy."""
        with pytest.raises(PolicyError, match=error):
            Policy("1").with_framework(framework, names)


class TestValues:
    """Policies and their parts are values: equal when they say the same, and never changed."""

    def test_equal_however_written(self) -> None:
        """Words or seconds, defaults written out or not, categories in any order."""
        first = Policy(
            "1",
            max_age="13 months",
            categories=[Category("a"), Category("b", basis="opt-in", max_age="1 day")],
        )
        second = Policy(
            "1",
            preset="strict",
            max_age=393 * DAY,
            mode="strip",
            categories=[Category("b", max_age=DAY), Category("a", gpc=False, title={})],
        )

        assert first == second
        assert hash(first) == hash(second)

    @pytest.mark.parametrize(
        "other",
        [
            {"version": "2"},
            {"preset": "us-ca"},
            {"frameworks": ["django"]},
            {"categories": [Category("chat")]},
            {"categories": [Category("social", title={"en": "Sharing"})]},
            {"cookies": [CookieRule("a", "necessary")]},
            {"routes": [Route("/")]},
            {"mode": "report"},
            {"unregistered": "allow"},
            {"consent_valid_for": 1},
            {"ask_again_after": 1},
            {"max_age": 1},
            {"expire_with_consent": True},
            {"gpc": "ignore"},
            {"dnt": "default"},
            {"cookie_name": "c"},
            {"cookie_domain": "example.org"},
            {"path_prefix": "/c/"},
        ],
    )
    def test_unequal_where_anything_differs(self, other: dict[str, Any]) -> None:
        """Every keyword counts."""
        assert Policy(**{"version": "1", **other}) != Policy("1")

    @pytest.mark.parametrize("value", VALUES, ids=kind)
    @pytest.mark.parametrize(
        "copied",
        [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))],  # noqa: S301
        ids=["copy", "deepcopy", "pickle"],
    )
    def test_copies(self, value: object, copied: Callable[[Any], Any]) -> None:
        """A copy, deep or by pickle, is equal, hashes and prints alike."""
        twin = copied(value)

        assert twin == value
        assert hash(twin) == hash(value)
        assert repr(twin) == repr(value)

    def test_a_copied_policy_works(self) -> None:
        """What is looked up in a copy is found, and the copy can be built upon."""
        twin = pickle.loads(pickle.dumps(RICH))  # noqa: S301

        assert twin.rule_for("talk_1") == RICH.rule_for("talk_1") == RICH.cookies[0]
        assert twin.with_framework("flask") == RICH.with_framework("flask")
        category = twin.categories["social"]
        assert category.over(Category("social", max_age=1)).max_age == 1

    @pytest.mark.parametrize("value", VALUES[1:], ids=kind)
    def test_the_parts_print_as_written(self, value: object) -> None:
        """The text of a part is the call that makes it."""
        names = {"Category": Category, "CookieRule": CookieRule, "Route": Route}

        assert eval(repr(value), names) == value  # noqa: S307

    def test_a_policy_prints_what_it_says(self) -> None:
        """Its text begins as the call would and leaves out what is only machinery."""
        text = repr(RICH)

        assert text.startswith("Policy(version='2026-11', preset='fr', frameworks=('django',), ")
        assert "_tiers" not in text
        assert "_by_framework" not in text

    @pytest.mark.parametrize("value", VALUES, ids=kind)
    def test_fields_are_frozen(self, value: Any) -> None:
        """No field is set or deleted, and none added."""
        name = next(iter(value.__dataclass_fields__))

        for change in (lambda: setattr(value, name, "x"), lambda: delattr(value, name)):
            with pytest.raises(FrozenInstanceError):
                change()
        with pytest.raises((FrozenInstanceError, TypeError)):
            value.another = "x"

    @pytest.mark.parametrize(
        "mapping",
        [
            RICH.categories,
            RICH.categories["chat"].title,
            RICH.categories["chat"].description,
            RICH.categories["social"].title,
            RICH.cookies[0].purpose,
            RICH.preset_cookies[-1].purpose,
        ],
        ids=lambda mapping: ",".join(mapping) or "empty",
    )
    @pytest.mark.parametrize(
        "change",
        [
            lambda mapping: mapping.__setitem__("en", "x"),
            lambda mapping: mapping.__delitem__("en"),
            lambda mapping: mapping.__ior__({"en": "x"}),
            lambda mapping: mapping.update(en="x"),
            lambda mapping: mapping.setdefault("xx", "x"),
            lambda mapping: mapping.pop("en"),
            lambda mapping: mapping.popitem(),
            lambda mapping: mapping.clear(),
        ],
    )
    def test_mappings_are_read_only(self, mapping: Any, change: Callable[[Any], object]) -> None:
        """No mapping that a policy shows can be changed, whoever holds it."""
        before = dict(mapping)

        with pytest.raises(TypeError, match="what a policy says does not change"):
            change(mapping)

        assert mapping == before

    def test_mappings_are_plain_otherwise(self) -> None:
        """JSON writes them, and ``|`` and ``copy`` give a dict of one's own."""
        purpose = RICH.cookies[0].purpose

        assert json.loads(json.dumps(purpose)) == {"en": "Talks"}
        assert isinstance(purpose, dict)
        mine = purpose | {"fr": "Parle"}
        mine["de"] = "Redet"
        assert purpose == {"en": "Talks"}

    def test_any_mapping_of_translations(self) -> None:
        """Translations may come as any mapping and are copied."""
        words = {"en": "Chat"}

        category = Category("chat", title=MappingProxyType(words))
        words["en"] = "Changed"

        assert category.title == {"en": "Chat"}


class TestOffered:
    """What visitors are asked about."""

    def test_a_category_with_a_cookie_of_the_site(self) -> None:
        """Presets have more than a site may need."""
        policy = Policy("1", cookies=[CookieRule("_ga", "statistics")])
        assert ("statistics",) == policy.offered
        assert ("functional", "statistics", "advertising", "social") == policy.decidable

    def test_a_category_that_the_site_names(self) -> None:
        """For content that sets its cookies elsewhere, or none."""
        assert ("social",) == Policy("1", categories=[Category("social")]).offered

    def test_never_what_nobody_decides_about(self) -> None:
        """Exempt and forbidden ones are told, not asked."""
        forbidden = Category("advertising", basis="forbidden")
        assert () == Policy("1", categories=[forbidden, Category("necessary")]).offered

    def test_naming_makes_a_difference(self) -> None:
        """Two policies that ask about different things are not equal."""
        assert Policy("1") != Policy("1", categories=[Category("social")])
