"""What an audit concludes from what it saw, without a browser."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import pytest
from audit_facts import (
    DECLARED,
    DONE,
    FAILED,
    GUESSES,
    HOST,
    NOW,
    URL,
    StoredKey,
    ThirdParty,
    audit,
    cookie,
    sent,
    stage,
)
from hypothesis import given
from hypothesis import strategies as st

from consentgate.audit.facts import PageVisit, Setter, StageName
from consentgate.audit.judging import IDS, count, judge
from consentgate.audit.law import RULES
from consentgate.duration import DAY, months
from consentgate.findings import LEVELS

if TYPE_CHECKING:
    from consentgate.audit.classify import Classifier
    from consentgate.audit.facts import Audit, Stage
    from consentgate.findings import Finding

BEFORE, REFUSED, ACCEPTED = StageName.BEFORE, StageName.REFUSED, StageName.ACCEPTED
THEME = StoredKey(URL, "local storage", "theme", 4)
SECOND, WITHDRAWN, GPC = StageName.SECOND_VISIT, StageName.WITHDRAWN, StageName.GPC


def found(seen: Audit, classifier: Classifier = GUESSES) -> set[tuple[str, str, str]]:
    """Return what was found: its kind, its level, and what it is about."""
    return {(each.id, each.level, each.cookie) for each in judge(seen, classifier)}


def only(seen: Audit, classifier: Classifier = GUESSES) -> Finding:
    """Return the one thing that was found."""
    (finding,) = judge(seen, classifier)
    return finding


# -- what is stored and sent -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (BEFORE, "stored-before-choice"),
        (REFUSED, "stored-after-refusal"),
        (WITHDRAWN, "stored-after-withdrawal"),
    ],
)
@pytest.mark.parametrize(
    ("cookie_name", "level"),
    [("_fbp", "error"), ("_ga_X1", "error"), ("nobody_knows", "warning"), ("csrftoken", "")],
)
def test_what_needs_consent_may_not_be_stored_without(
    name: StageName, kind: str, cookie_name: str, level: str
) -> None:
    """An unknown cookie is to be reviewed, one that is necessary is no finding."""
    expected = {(kind, level, cookie_name)} if level else set()
    assert expected == found(audit(stage(name, cookie(cookie_name))))


def test_acceptance_permits() -> None:
    """Once accepted, cookies may be stored and sent."""
    seen = stage(ACCEPTED, cookie("_fbp"), action=DONE, sent=(sent("_fbp"),))
    assert set() == found(audit(seen))


def test_the_policy_of_the_site_beats_the_catalogue() -> None:
    """What it calls necessary is, or to be reviewed; what it does not name is guessed."""
    names = ("_ga", "_fbp", "basket")
    seen = audit(stage(BEFORE, *map(cookie, names), cookie("advert", None)))
    expected = {
        ("stored-before-choice", "warning", "_ga"),
        ("stored-before-choice", "error", "_fbp"),
        ("stored-before-choice", "error", "advert"),
    }
    assert expected == found(seen, DECLARED)


def test_what_may_be_refused_is_permitted_until_then() -> None:
    """That is what opt-out means."""
    assert set() == found(audit(stage(BEFORE, cookie("visitor"))), DECLARED)
    refused = audit(stage(REFUSED, cookie("visitor"), action=DONE))
    assert {("stored-after-refusal", "error", "visitor")} == found(refused, DECLARED)


def test_a_guess_of_a_harmless_purpose_is_to_be_reviewed() -> None:
    """A test against robots may be exempt; the catalogue cannot know."""
    finding = only(audit(stage(BEFORE, cookie("_GRECAPTCHA", domain="www.robots.example"))))
    assert ("stored-before-choice", "warning") == (finding.id, finding.level)
    assert "it may be exempt" in finding.message


def test_a_third_party_s_jar_is_not_the_site_s_to_clear() -> None:
    """After withdrawal what matters is that its cookie is no longer sent."""
    kept = cookie("IDE", domain=".ads.example")
    seen = stage(
        WITHDRAWN, kept, action=DONE, sent=(sent("IDE", "px.ads.example", ".ads.example"),)
    )
    expected = {
        ("stored-after-withdrawal", "warning", "IDE"),
        ("sent-after-withdrawal", "error", "IDE"),
    }
    assert expected == found(audit(seen))


@pytest.mark.parametrize(
    ("name", "kind"),
    [(REFUSED, "sent-after-refusal"), (WITHDRAWN, "sent-after-withdrawal")],
)
def test_what_is_read_without_permission_is_found(name: StageName, kind: str) -> None:
    """With whom it was sent to, and once for all of them."""
    seen = stage(
        name, action=DONE, sent=(sent("_ga"), sent("_ga", "api.shop.example"), sent("csrftoken"))
    )
    finding = only(audit(seen))
    assert (kind, "error", HOST) == (finding.id, finding.level, finding.place)
    assert f"api.shop.example, {HOST}" in finding.message


def test_what_was_not_tested_says_nothing_of_cookies() -> None:
    """A refusal that failed leaves a visitor who has not refused."""
    seen = stage(REFUSED, cookie("_ga"), action=FAILED, sent=(sent("_ga"),))
    assert {("refusal-not-tested", "error", "")} == found(audit(seen))


# -- how long ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "is_found"), [(393, False), (397, False), (398, True), (400, True)]
)
def test_thirteen_months_are_397_days_at_most(days: int, *, is_found: bool) -> None:
    """What is surely longer is found, in whatever stage, and told with what was asked for."""
    asked = Setter("header", URL, NOW, 730 * DAY)
    seen = audit(stage(ACCEPTED, cookie("_ga", days * DAY, setter=asked), action=DONE))
    assert is_found == (("over-13-months", "error", "_ga") in found(seen))
    if is_found:
        assert "730 days (24 months) were asked for" in only(seen).message


def test_a_necessary_cookie_may_live_longer() -> None:
    """The 13 months are about what consent is asked for, or would be."""
    assert set() == found(audit(stage(BEFORE, cookie("csrftoken", 400 * DAY))))


def test_the_policy_s_own_limit_counts() -> None:
    """Also of a necessary cookie, and of one that should end with the session."""
    seen = audit(
        stage(
            ACCEPTED,
            cookie("visitor", 32 * DAY),
            cookie("advert", 40 * DAY),
            cookie("_ga", months(13) + 2 * DAY),
            action=DONE,
        )
    )
    findings = judge(seen, DECLARED)
    expected = {("over-policy-limit", "error", name) for name in ("visitor", "advert", "_ga")}
    assert expected == found(seen, DECLARED)
    assert any("(the browser session)" in finding.message for finding in findings)


def test_a_cookie_is_too_long_once() -> None:
    """Where it was seen first, and not in each stage anew."""
    long = cookie("_ga", 400 * DAY)
    seen = audit(stage(ACCEPTED, long, action=DONE), stage(SECOND, cookie("_ga", 400 * DAY + 0.5)))
    finding = only(seen)
    assert ("over-13-months", ACCEPTED) == (finding.id, finding.state)


def test_a_life_that_a_visit_extends_is_found() -> None:
    """By more than a clock's noise; what is meant to be renewed is a note."""
    first = stage(
        ACCEPTED,
        cookie("_ga", 30 * DAY),
        cookie("_fbp", 30 * DAY),
        cookie("_gid", DAY / 2),
        cookie("csrftoken", DAY),
        cookie("ended"),
        cookie("_gcl_au", None),
        action=DONE,
    )
    second = stage(
        SECOND,
        cookie("_ga", 30 * DAY + 2),
        cookie("_fbp", 30 * DAY + 0.1),
        cookie("_gid", DAY / 2 + 2),
        cookie("csrftoken", DAY + 2),
        cookie("_gcl_au", None),
        cookie("new"),
    )
    expected = {("extended-by-visit", "error", "_ga"), ("extended-by-visit", "note", "_gid")}
    assert expected == found(audit(first, second))


def test_without_a_banner_the_first_visit_is_compared() -> None:
    """There is no acceptance to compare with."""
    unknown = cookie("mystery", 30 * DAY)
    later = dataclasses.replace(unknown, expires=NOW + 30 * DAY + 2)
    seen = audit(stage(BEFORE, unknown), stage(SECOND, later))
    assert ("extended-by-visit", "warning", "mystery") in found(seen)
    assert ("extended-by-visit", "warning", "mystery") not in found(audit(stage(SECOND, unknown)))


# -- the rest ----------------------------------------------------------------------------------


def test_what_ignores_global_privacy_control_is_found() -> None:
    """An error where the site's policy says that it refuses, else to be reviewed."""
    seen = audit(stage(GPC, cookie("_fbp"), cookie("_ga"), cookie("advert", None)))
    assert {("stored-despite-gpc", "warning", "_fbp")} == found(seen)
    expected = {
        ("stored-despite-gpc", "warning", "_fbp"),
        ("stored-despite-gpc", "error", "advert"),
    }
    assert expected == found(seen, DECLARED)


def test_other_storage_and_other_parties_are_found() -> None:
    """Before a choice; to be reviewed, for both may be necessary."""
    seen = stage(
        BEFORE,
        storage=(THEME,),
        third_parties=(
            ThirdParty("ads.example", 1, "https://px.ads.example/"),
            ThirdParty("cdn.example", 7, "https://cdn.example/x.js"),
        ),
    )
    expected = {
        ("storage-before-choice", "warning", "theme"),
        ("third-party-before-choice", "warning", "ads.example"),
        ("third-party-before-choice", "warning", "cdn.example"),
    }
    assert expected == found(audit(seen))


def test_no_banner_matters_where_one_is_needed() -> None:
    """Else it is a note."""
    assert {("no-banner", "note", "")} == found(audit(stage(BEFORE), banner=""))
    for needing in (stage(BEFORE, cookie("_ga")), stage(BEFORE, storage=(THEME,))):
        assert ("no-banner", "warning", "") in found(audit(needing, banner=""))


def test_that_no_banner_was_looked_for_is_told_once() -> None:
    """Not for each choice that could not be tested for it; a banner may be there nevertheless."""
    facts = {"banner": "", "banner_problem": "there are no rules"}
    left_out = (stage(name, action=FAILED) for name in (REFUSED, ACCEPTED, SECOND, WITHDRAWN))
    finding = only(audit(stage(BEFORE, cookie("csrftoken")), *left_out, **facts))
    assert ("choices-not-tested", "warning") == (finding.id, finding.level)
    words = "there are no rules. Nothing that needs consent was seen before a choice."
    assert words in finding.message

    seen = audit(stage(BEFORE, cookie("_ga")), **facts)
    expected = {("choices-not-tested", "warning", ""), ("stored-before-choice", "error", "_ga")}
    assert expected == found(seen)
    assert "Nothing that needs consent" not in judge(seen, GUESSES)[-1].message


def accepted(clicks: int | None) -> Stage:
    """Make an acceptance that took so many clicks."""
    return stage(ACCEPTED, action=dataclasses.replace(DONE, clicks=clicks))


@pytest.mark.parametrize(
    ("refusing", "accepting", "is_found"),
    [(2, 1, True), (1, 1, False), (1, 2, False), (None, 1, False), (3, None, False)],
)
def test_refusing_must_not_be_harder(
    refusing: int | None, accepting: int | None, *, is_found: bool
) -> None:
    """Where both are known, the clicks are compared."""
    refused = stage(REFUSED, action=dataclasses.replace(DONE, clicks=refusing))
    expected = {("refusal-harder", "warning", "")} if is_found else set()
    assert expected == found(audit(refused, accepted(accepting)))


def test_a_banner_that_can_only_be_accepted_is_found() -> None:
    """Once, and not also as a limit of the test."""
    seen = audit(stage(REFUSED, action=FAILED), accepted(1))
    assert {("no-refusal", "error", "")} == found(seen)


def test_a_banner_that_cannot_be_answered_is_no_good_sign() -> None:
    """Nothing can be said of what it offers, so that nothing is well."""
    seen = audit(stage(REFUSED, action=FAILED), stage(ACCEPTED, action=FAILED))
    kinds = ("refusal-not-tested", "acceptance-not-tested")
    assert {(kind, "error", "") for kind in kinds} == found(seen)


def test_what_nobody_named_a_button_for_is_to_be_reviewed() -> None:
    """It is no button that was not found."""
    unnamed = dataclasses.replace(FAILED, how="no --refuse was given", is_expected=False)
    seen = audit(stage(REFUSED, action=unnamed), accepted(1), stage(WITHDRAWN, action=unnamed))
    kinds = ("refusal-not-tested", "withdrawal-not-tested")
    assert {(kind, "warning", "") for kind in kinds} == found(seen)


def test_withdrawal_that_cannot_be_tested_is_a_finding() -> None:
    """It must be as easy as consent was; also where it was accepting that could not be done."""
    withdrawn = stage(WITHDRAWN, action=FAILED)
    assert {("withdrawal-not-tested", "error", "")} == found(audit(accepted(1), withdrawn))

    seen = audit(stage(ACCEPTED, action=FAILED), stage(SECOND, action=FAILED), withdrawn)
    kinds = ("acceptance-not-tested", "withdrawal-not-tested")
    assert {(kind, "error", "") for kind in kinds} == found(seen)


def test_pages_that_failed_and_facts_left_out_are_told() -> None:
    """With where and why; a part of which no page could be looked at is not tested."""
    pages = (PageVisit(URL, URL, 200), PageVisit(f"{URL}x", "", None, "net::ERR_FAILED"))
    seen = audit(stage(BEFORE, pages=pages, truncated=True))
    assert {("page-failed", "warning", ""), ("incomplete", "warning", "")} == found(seen)
    assert {("page-failed", "error", "")} == found(audit(stage(BEFORE, pages=pages[1:])))


@pytest.mark.parametrize(
    ("page", "level"),
    [
        (PageVisit(URL, URL, 403, "the server answered with status 403"), "error"),
        (PageVisit(URL, URL, 400, "the server answered with status 400"), "error"),
        (PageVisit(URL, URL, None, "the page had not loaded after 30 seconds"), "warning"),
        (PageVisit(URL, URL, 200, "the page is too busy to answer"), "warning"),
    ],
)
def test_a_site_that_lets_nobody_in_is_not_in_order(page: PageVisit, level: str) -> None:
    """What it stores for robots is not what it stores for people; half a page is better."""
    seen = audit(stage(BEFORE, pages=(page,)))
    assert {("page-failed", level, "")} == found(seen)
    assert "as it should before a choice: the " in only(seen).message


def test_a_banner_that_goes_on_asking_is_told() -> None:
    """What was pressed may have done nothing; of a withdrawal it is no wonder."""
    lost = dataclasses.replace(DONE, is_kept=False)
    seen = audit(*(stage(name, action=lost) for name in (REFUSED, ACCEPTED, WITHDRAWN)))
    assert {("choice-not-kept", "warning", "")} == found(seen)
    assert [REFUSED, ACCEPTED] == [each.state for each in judge(seen, GUESSES)]
    assert "still shows after refusal" in judge(seen, GUESSES)[0].message


def test_the_worst_comes_first_and_each_once() -> None:
    """However often it was seen."""
    twice = stage(BEFORE, cookie("mystery"), cookie("_ga"), cookie("_ga"))
    findings = judge(audit(twice, banner=""), GUESSES)
    assert ["error", "warning", "warning"] == [finding.level for finding in findings]
    assert {"error": 1, "warning": 2, "note": 0} == count(findings)


def test_each_kind_has_its_rule() -> None:
    """And there are no others."""
    assert set(IDS) == set(RULES)
    assert len(IDS) == len(set(IDS))


def test_what_is_said_of_the_law_has_its_date() -> None:
    """Sanctions, deliberations and guidelines: else nobody can look them up."""
    texts = " ".join(rule.text for rule in RULES.values())
    dated = re.compile(r"\bfined\b|\bdeliberations? |\bguidelines\b|Taskforce|\bdirective\b")
    sentences = [each for each in re.split(r"(?<=[.:]) ", texts) if dated.search(each)]
    assert sentences
    for sentence in sentences:
        assert re.search(r"\b(?:19|20)\d\d\b(?!/|-)", sentence), sentence


@given(st.text(min_size=1), st.sampled_from(StageName), st.integers(0, 2**33) | st.none())
def test_any_cookie_can_be_judged(name: str, where: StageName, life: int | None) -> None:
    """Whatever a site calls it, there is a finding with a known id and level, or none."""
    seen = audit(stage(where, cookie(name, life), action=DONE, sent=(sent(name),)))
    for classifier in (GUESSES, DECLARED):
        for finding in judge(seen, classifier):
            assert finding.id in IDS
            assert finding.level in LEVELS
