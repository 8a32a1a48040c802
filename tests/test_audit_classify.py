"""What a cookie is for, whose a host is, and the words for it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from audit_facts import DECLARED, GUESSES, NOW, PARTIES, POLICY, cookie, key
from hypothesis import given
from hypothesis import strategies as st

from consentgate.audit.classify import Classifier, policy_from_declaration
from consentgate.audit.domains import (
    domain_matches,
    host_of,
    registrable_domain,
    shown_url,
    without_addresses,
    without_query,
)
from consentgate.audit.facts import Setter
from consentgate.audit.network_errors import in_words
from consentgate.audit.words import (
    cut,
    instant_in_words,
    legible,
    life_in_words,
    seconds_in_words,
    setter_in_words,
    verdict_in_words,
)
from consentgate.declaration import declaration
from consentgate.duration import DAY, HOUR
from consentgate.exceptions import PolicyError
from consentgate.policy import Policy


def test_a_policy_is_a_statement_and_the_catalogue_a_guess() -> None:
    """Each says so, with its source."""
    declared, guessed = DECLARED.classify(key("_ga")), DECLARED.classify(key("_fbp"))
    assert ("policy", "necessary", "exempt", "Us", "Ours") == (
        declared.origin,
        declared.category,
        declared.basis,
        declared.vendor,
        declared.purpose,
    )
    assert not declared.is_guess
    assert ("catalogue", "advertising", "opt-in", None) == (
        guessed.origin,
        guessed.category,
        guessed.basis,
        guessed.limit,
    )
    assert guessed.is_guess
    assert "guessed from its name" in guessed.source


def test_what_nobody_knows_is_unknown() -> None:
    """Neither exempt nor in need of consent."""
    unknown = GUESSES.classify(key("nobody knows"))
    assert (False, None, "nothing") == (unknown.is_known, unknown.basis, unknown.origin)


def test_a_purpose_is_told_in_the_best_language() -> None:
    """That of the report, else English, else whichever there is."""
    assert "Vendre" == DECLARED.classify(key("advert")).purpose
    assert "Vendre" == Classifier(POLICY, PARTIES).classify(key("advert")).purpose
    assert "" == DECLARED.classify(key("visitor")).purpose


def test_what_a_site_says_at_length_is_cut() -> None:
    """It is told in a table."""
    long = {"vendor": "v" * 999, "purpose": {"en": "p" * 999}}
    cookies = [{"name": "a", "category": "necessary", **long}]
    policy = Policy.from_mapping({"version": "1", "preset": "fr", "cookies": cookies})
    known = Classifier(policy, PARTIES).classify(key("a"))
    assert (100, 500) == (len(known.vendor), len(known.purpose))


def test_a_declaration_becomes_the_policy_again() -> None:
    """As far as it tells: what each cookie is for, and how long it may live."""
    told = json.loads(json.dumps(declaration(POLICY)))
    again = Classifier(policy_from_declaration(told), PARTIES, DECLARED.source, "fr")
    for name in ("visitor", "advert", "_ga", "eu-consent", "eu-consent-deposits", "_fbp"):
        assert DECLARED.classify(key(name)) == again.classify(key(name))


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        "policy",
        {},
        {"categories": [{}]},
        {"categories": {"id": 1}, "consent_cookie": "c"},
        {"categories": [], "consent_cookie": "c", "version": 1, "preset": "fr", "gpc": "default"},
        {
            "categories": [{"id": "a", "basis": "opt-in", "gpc": False, "cookies": [{"name": 1}]}],
            "consent_cookie": "c",
        },
    ],
)
def test_what_is_no_declaration_is_one_error(told: object) -> None:
    """It comes from the network and may be anything."""
    with pytest.raises(PolicyError):
        policy_from_declaration(told)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
DECLARATIONS: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {
        "version": JSON,
        "preset": st.just("fr") | JSON,
        "gpc": st.just("default") | JSON,
        "consent_cookie": st.just("c") | JSON,
        "categories": JSON
        | st.lists(
            st.fixed_dictionaries(
                {
                    "id": st.just("statistics") | JSON,
                    "basis": st.just("opt-in") | JSON,
                    "gpc": JSON,
                    "cookies": JSON
                    | st.lists(
                        st.fixed_dictionaries(
                            dict.fromkeys(("name", "max_age", "vendor", "purpose"), JSON)
                        )
                    ),
                }
            )
        ),
    }
)


@given(JSON | DECLARATIONS)
def test_any_json_is_a_declaration_or_an_error(told: Any) -> None:
    """Never anything else."""
    with suppress(PolicyError):
        assert isinstance(policy_from_declaration(told), Policy)


# -- whose it is -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.shop.co.uk", "shop.co.uk"),
        ("WWW.Shop.COM", "shop.com"),
        ("me.github.io", "me.github.io"),
        ("a.b.shop.example", "shop.example"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("co.uk", "co.uk"),
        ("", ""),
    ],
)
def test_a_site_is_a_registrable_domain(host: str, domain: str) -> None:
    """By the public suffix list; addresses and lone names are their own."""
    assert domain == registrable_domain(host)


def test_an_address_is_told_without_what_is_about_the_visitor() -> None:
    """User, query and fragment go; of what is no web address only the scheme stays."""
    assert "https://a.example:8/b" == without_query("https://me:secret@a.example:8/b?id=1#c")
    assert "data:" == without_query("data:text/html,<p>secret")
    assert "" == without_query("http://[")
    assert "" == host_of("http://[")
    assert 300 == len(without_query(f"https://a.example/{'x' * 999}"))


def test_an_address_is_shown_without_its_secrets() -> None:
    """That something is left out is told."""
    assert "https://a.example/b?..." == shown_url("https://me:secret@a.example/b?token=1#c")
    assert "https://a.example/" == shown_url("https://a.example/#token=1?x")
    text = 'Navigation to "https://me:x@a.example/?t=1" is interrupted by "wss://b.example/?y"'
    expected = 'Navigation to "https://a.example/?..." is interrupted by "wss://b.example/?..."'
    assert expected == without_addresses(text)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Page.goto: net::ERR_CONNECTION_REFUSED at https://me:x@a.example/?t=1",
            "nothing listens at this address (net::ERR_CONNECTION_REFUSED)"),
        ("Page.goto: net::ERR_CERT_DATE_INVALID at https://a.example/",
            "its certificate is not trusted; --insecure believes any (net::ERR_CERT_DATE_INVALID)"),
        ("net::ERR_UNHEARD_OF at https://a.example/", "net::ERR_UNHEARD_OF"),
        ("Page.goto: Download is starting", "it is a download, or the page was left"),
        ("Page.goto: Some https://a.example/?t=1 else", "Some https://a.example/?... else"),
    ],
)  # fmt: skip
def test_errors_of_the_network_are_words(message: str, words: str) -> None:
    """With the browser's name for who looks it up, and without addresses in full."""
    assert words == in_words(message)


def test_a_cookie_s_domain_covers_hosts_below_it() -> None:
    """With or without its dot."""
    assert domain_matches("www.shop.example", ".shop.example")
    assert domain_matches("shop.example", "shop.example")
    assert not domain_matches("teashop.example", ".shop.example")


# -- the words ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 seconds"),
        (1, "1 second"),
        (90, "90 seconds"),
        (30 * 60, "30 minutes"),
        (5 * HOUR, "5 hours"),
        (13 * HOUR, "13 hours"),
        (DAY, "1 day"),
        (59 * DAY, "59 days"),
        (61 * DAY, "61 days (2 months)"),
        (400 * DAY, "400 days (13.1 months)"),
    ],
)
def test_times_are_words(seconds: float, words: str) -> None:
    """In one unit, long ones in months too."""
    assert words == seconds_in_words(seconds)


def test_a_life_is_told_with_what_was_asked_for() -> None:
    """Where the browser keeps it for less."""
    assert "until the browser is closed" == life_in_words(cookie("a", None))
    assert "1 day" == life_in_words(cookie("a", DAY))
    asked = cookie("a", 30 * DAY, setter=Setter("script", "", NOW, 50 * DAY))
    assert "30 days; 50 days were asked for" == life_in_words(asked)
    assert "30 days" == life_in_words(cookie("a", 30 * DAY, setter=None))


def test_who_set_it_is_told() -> None:
    """Or that nobody was seen."""
    assert "somebody who was not seen" == setter_in_words(None)
    assert "a script, in the page" == setter_in_words(Setter("script", "", 0))
    assert "the server's answer to https://a.example/" == setter_in_words(
        Setter("header", "https://a.example/", 0)
    )


def test_dates_are_english() -> None:
    """Whatever the machine speaks."""
    assert "18 November 2026, 11:06 UTC" == instant_in_words(NOW)


@pytest.mark.parametrize(
    ("errors", "warnings", "sentence"),
    [
        (0, 0, "No problem was found."),
        (0, 1, "No certain problem was found, but 1 thing to review."),
        (1, 0, "1 problem was found."),
        (3, 2, "3 problems were found, and 2 things to review."),
    ],
)
def test_the_result_is_one_sentence(errors: int, warnings: int, sentence: str) -> None:
    """With how much there is to do."""
    assert sentence == verdict_in_words({"error": errors, "warning": warnings})


def test_what_is_too_long_is_cut() -> None:
    """It ends with an ellipsis then."""
    assert ("abc", "ab…") == (cut("abc", 3), cut("abcd", 3))


@given(st.text())
def test_nothing_steers_a_terminal(text: str) -> None:
    """Nor turns the direction of a line."""
    assert legible(text).isprintable()
    assert len(text) == len(legible(text))


def test_a_purpose_is_told_in_english_where_the_language_lacks() -> None:
    """And in whatever there is where English lacks, too."""
    purposes = {"a": {"de": "Zählen", "en": "Count"}, "b": {"de": "Zählen"}}
    cookies = [
        {"name": name, "category": "statistics", "purpose": purposes[name]} for name in purposes
    ]
    policy = Policy.from_mapping({"version": "1", "preset": "fr", "cookies": cookies})
    classifier = Classifier(policy, PARTIES, language="fr-FR")
    assert ["Count", "Zählen"] == [classifier.classify(key(name)).purpose for name in purposes]
