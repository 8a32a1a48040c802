"""No site is found to be in order for a wrong reason, and none is accused for one."""

from __future__ import annotations

import dataclasses

import pytest
from audit_facts import (
    DECLARED,
    DONE,
    FAILED,
    GUESSES,
    HOST,
    NOW,
    PARTIES,
    SITE,
    URL,
    StoredKey,
    ThirdParty,
    audit,
    cookie,
    key,
    sent,
    stage,
)

from consentgate.audit.classify import Classifier
from consentgate.audit.facts import (
    Audit,
    BriefCookie,
    CookieKey,
    PageVisit,
    Parties,
    Setter,
    StageName,
)
from consentgate.audit.judging import judge
from consentgate.audit.machine import as_json
from consentgate.audit.overview import overview
from consentgate.audit.report import report_html
from consentgate.duration import DAY
from consentgate.policy import Policy

BEFORE, REFUSED, ACCEPTED = StageName.BEFORE, StageName.REFUSED, StageName.ACCEPTED
SECOND, WITHDRAWN = StageName.SECOND_VISIT, StageName.WITHDRAWN
WITHOUT_CONSENT = [
    (BEFORE, "before-choice"),
    (REFUSED, "after-refusal"),
    (WITHDRAWN, "after-withdrawal"),
]
OTHER = "ads.other.example"

LENIENT = Policy.from_mapping(
    {
        "version": "1",
        "preset": "fr",
        "categories": {"measurement": {"basis": "opt-out"}},
        "cookies": [
            {"name": "_*", "category": "necessary"},
            {"name": "_pk_id*", "category": "measurement"},
        ],
    }
)
OWN_WORD = Classifier(LENIENT, PARTIES, "the policy that the site declares", is_own_word=True)
HANDED_IN = Classifier(LENIENT, PARTIES, "the policy file consent.toml")


def found(seen: Audit, classifier: Classifier = GUESSES) -> set[tuple[str, str, str]]:
    """Return what was found: its kind, its level, and what it is about."""
    return {(each.id, each.level, each.cookie) for each in judge(seen, classifier)}


# -- what a site says of itself ----------------------------------------------------------------


@pytest.mark.parametrize(("name", "suffix"), WITHOUT_CONSENT)
def test_a_site_does_not_vouch_for_itself(name: StageName, suffix: str) -> None:
    """That it calls advertising necessary is no excuse; in a policy handed in it is looked at."""
    seen = audit(stage(name, cookie("_ga"), cookie("_own"), action=DONE))
    assert {(f"stored-{suffix}", "error", "_ga")} == found(seen, OWN_WORD)
    assert {(f"stored-{suffix}", "warning", "_ga")} == found(seen, HANDED_IN)


def test_what_is_disputed_is_told_with_both_sides() -> None:
    """What is declared, and what the catalogue takes it for: on paper and for machines."""
    seen = audit(stage(BEFORE, cookie("_ga")))
    (finding,) = judge(seen, OWN_WORD)
    words = (
        "a necessary cookie, as the site itself declares, but for statistics of Google Analytics"
    )
    assert words in finding.message
    assert "exempt under conditions alone" in finding.message
    (finding,) = judge(seen, HANDED_IN)
    assert "a necessary cookie, as the policy has it, but for statistics" in finding.message
    page = report_html(seen, [finding], OWN_WORD, version="1")
    assert "excuses nothing that the catalogue finds serious" in page
    assert "excuses" not in report_html(seen, [finding], HANDED_IN, version="1")
    assert "For statistics of Google Analytics, as the catalogue guesses." in page
    assert '"disputed": "statistics of Google Analytics"' in as_json(seen, [finding], OWN_WORD)


def test_a_site_s_word_that_something_may_be_refused_is_to_be_reviewed() -> None:
    """The law of some countries has it so; who hands the policy in has looked which."""
    seen = audit(stage(BEFORE, cookie("_pk_id.1")))
    assert {("stored-before-choice", "warning", "_pk_id.1")} == found(seen, OWN_WORD)
    assert "not every law" in judge(seen, OWN_WORD)[0].message
    assert set() == found(seen, HANDED_IN)

    refused = audit(stage(REFUSED, cookie("_pk_id.1"), action=DONE))
    for classifier in (OWN_WORD, HANDED_IN):
        assert {("stored-after-refusal", "error", "_pk_id.1")} == found(refused, classifier)


def test_a_site_s_word_makes_no_cookie_immortal() -> None:
    """What is not exempt is looked at for its life, its extension and the signal."""
    long = cookie("_ga", 400 * DAY)
    later = dataclasses.replace(long, expires=NOW + 400 * DAY + 2)
    lenient = Policy.from_mapping(
        {
            "version": "1",
            "preset": "us-other",
            "cookies": [{"name": "_*", "category": "necessary", "max_age": "800 days"}],
        }
    )
    own_word = Classifier(lenient, PARTIES, is_own_word=True)
    seen = audit(stage(ACCEPTED, long, action=DONE), stage(SECOND, later))
    kinds = {("over-13-months", "error", "_ga"), ("extended-by-visit", "error", "_ga")}
    assert kinds <= found(seen, own_word)


OPT_OUT = Policy.from_mapping(
    {
        "version": "1",
        "preset": "us-other",
        "categories": {"asked": {"basis": "opt-in", "max_age": "400 days"}},
        "cookies": [
            {"name": "_ga", "category": "statistics", "max_age": "400 days"},
            {"name": "visitor", "category": "statistics", "max_age": "400 days"},
            {"name": "asked", "category": "asked", "max_age": "400 days"},
            {"name": "_fbp", "category": "necessary"},
            {"name": "brief", "category": "statistics", "max_age": "1 hour"},
            {"name": "window", "category": "statistics", "max_age": "session"},
        ],
    }
)


@pytest.mark.parametrize(
    ("name", "own_word", "handed_in"),
    [
        ("_ga", "warning", "note"),
        ("visitor", "warning", "note"),
        ("asked", "error", "note"),
        ("_fbp", "error", "warning"),
    ],
)
def test_thirteen_months_are_not_the_measure_where_a_policy_has_another(
    name: str, own_word: str, handed_in: str
) -> None:
    """France's is not that of countries where one opts out; a site's word alone is looked at."""
    seen = audit(stage(ACCEPTED, cookie(name, 399 * DAY), action=DONE))
    for level, is_own_word in ((own_word, True), (handed_in, False)):
        classifier = Classifier(OPT_OUT, PARTIES, is_own_word=is_own_word)
        assert {("over-13-months", level, name)} == found(seen, classifier)


@pytest.mark.parametrize(
    ("name", "life", "is_over"),
    [
        ("brief", 65 * 60, False),
        ("brief", 67 * 60, True),
        ("window", None, False),
        ("window", 60, True),
        ("_ga", 401 * DAY - 1, False),
        ("_ga", 401 * DAY + 1, True),
    ],
)
def test_short_limits_are_limits(name: str, life: int | None, is_over: bool) -> None:
    """Clocks may differ by a day where a limit is one of months, not where it is one of hours."""
    classifier = Classifier(OPT_OUT, PARTIES)
    kinds = {kind for kind, _, _ in found(audit(stage(ACCEPTED, cookie(name, life))), classifier)}
    assert is_over == ("over-policy-limit" in kinds)


def test_what_is_not_disputed_is_not_told_as_if_it_were() -> None:
    """Both call it advertising; what differs is whether it may be stored unasked."""
    policy = Policy.from_mapping(
        {
            "version": "1",
            "preset": "us-other",
            "categories": {"statistics": {"basis": "exempt"}},
            "cookies": [
                {"name": "_fbp", "category": "advertising"},
                {"name": "_ga", "category": "statistics"},
                {"name": "_gcl_au", "category": "statistics"},
            ],
        }
    )
    classifier = Classifier(policy, PARTIES, is_own_word=True)
    names = ("_fbp", "_ga", "_gcl_au")
    seen = audit(stage(BEFORE, *map(cookie, names)))
    messages = {each.cookie: each.message for each in judge(seen, classifier)}

    own = "as the site itself declares"
    assert f"which may be stored until it is refused, {own}, set by" in messages["_fbp"]
    assert f"a cookie for statistics, which needs no consent, {own}, set by" in messages["_ga"]
    assert f"statistics, {own}, but for advertising of Google" in messages["_gcl_au"]
    assert "exempt under conditions alone" in messages["_ga"]
    assert "one of both is wrong" in messages["_gcl_au"]


# -- whose cookie it can be --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fr", "sb", "wd", "xs", "SM"])
def test_a_name_that_only_others_use_accuses_no_first_party(name: str) -> None:
    """A language may be called `fr`; a third party's is what the catalogue knows."""
    own = audit(stage(BEFORE, cookie(name)))
    assert {("stored-before-choice", "warning", name)} == found(own)
    assert "an unknown cookie" in judge(own, GUESSES)[0].message
    others = audit(stage(BEFORE, cookie(name, domain=OTHER)))
    assert {("stored-before-choice", "error", name)} == found(others)


def test_a_name_that_excuses_the_first_party_excuses_no_other() -> None:
    """What is necessary for a site is not so for whoever else uses the same name."""
    assert set() == found(audit(stage(BEFORE, cookie("sessionid"))))
    others = audit(stage(BEFORE, cookie("sessionid", domain=OTHER)))
    assert {("stored-before-choice", "warning", "sessionid")} == found(others)
    known = GUESSES.classify(key("sessionid", OTHER))
    assert "as a cookie of the first party" in known.source


def test_measurement_by_the_server_is_measurement() -> None:
    """It uses the names of that by scripts, whoever sets them; third parties' frames too."""
    for host in (HOST, OTHER):
        seen = audit(stage(BEFORE, cookie("_ga", domain=host)))
        assert {("stored-before-choice", "error", "_ga")} == found(seen)


def test_where_the_address_led_is_the_first_party_too() -> None:
    """It is told; neither of both is a third party."""
    seen = audit(
        stage(WITHDRAWN, cookie("_ga"), cookie("_fbp", domain="wall.example"), action=DONE),
        parties=Parties(SITE, "wall.example"),
    )
    kinds = {("stored-after-withdrawal", "error", name) for name in ("_ga", "_fbp")}
    assert kinds | {("led-elsewhere", "note", "")} == found(seen)
    page = report_html(seen, (), Classifier(None, seen.parties), version="1")
    assert "where the address led" in page
    assert "(third party)" not in page


# -- when --------------------------------------------------------------------------------------


def test_a_second_visit_without_a_choice_is_before_a_choice() -> None:
    """What comes then is found as what came at first, and each thing once."""
    first = stage(BEFORE, cookie("_fbp"))
    second = stage(SECOND, cookie("_fbp"), cookie("_ga"), storage=(), sent=(sent("IDE", OTHER),))
    seen = audit(first, second, banner="")
    kinds = {("stored-before-choice", "error", name) for name in ("_fbp", "_ga")}
    assert kinds <= found(seen)
    stored = [each for each in judge(seen, GUESSES) if each.id == "stored-before-choice"]
    assert [("_fbp", BEFORE), ("_ga", SECOND)] == [(each.cookie, each.state) for each in stored]

    accepted = stage(ACCEPTED, action=DONE)
    assert ("stored-before-choice", "error", "_ga") not in found(audit(first, accepted, second))


def test_the_table_marks_a_second_visit_without_a_choice() -> None:
    """By what was told of the first."""
    seen = audit(stage(BEFORE, cookie("_fbp")), stage(SECOND, cookie("_fbp")), banner="")
    (row,) = overview(seen, judge(seen, GUESSES), GUESSES)
    assert ["!", "!"] == [cell.mark for cell in row.cells]


def brief(name: str) -> BriefCookie:
    """Make a cookie that was gone at the end."""
    return BriefCookie(name, HOST, Setter("header", URL, NOW, 60))


@pytest.mark.parametrize(("name", "suffix"), WITHOUT_CONSENT)
def test_what_was_stored_for_a_moment_was_stored(name: StageName, suffix: str) -> None:
    """A cookie that nobody knows may have tried whether cookies work: that is a note."""
    names = ("_ga", "try_me", "csrftoken")
    seen = audit(stage(name, action=DONE, brief=tuple(map(brief, names))))
    kind = f"stored-{suffix}"
    assert {(kind, "error", "_ga"), (kind, "note", "try_me")} == found(seen)
    assert "for a moment" in judge(seen, GUESSES)[0].message
    page = report_html(seen, judge(seen, GUESSES), GUESSES, version="1")
    assert "stored for a moment&nbsp;!" in page
    assert "gone at the end</h3>" in page


def test_what_was_read_before_a_choice_and_is_gone_is_found() -> None:
    """What is still stored is told as that; where no banner was found one was needed."""
    seen = audit(stage(BEFORE, cookie("_fbp"), sent=(sent("_fbp"), sent("_ga"))))
    expected = {("stored-before-choice", "error", "_fbp"), ("sent-before-choice", "error", "_ga")}
    assert expected == found(seen)
    for facts in ({"sent": (sent("_ga"),)}, {"brief": (brief("_ga"),)}):
        assert ("no-banner", "warning", "") in found(audit(stage(BEFORE, **facts), banner=""))


def test_many_receivers_are_counted() -> None:
    """Some of them are named."""
    hosts = [f"{each}.{HOST}" for each in "abcdefg"]
    seen = audit(stage(REFUSED, action=DONE, sent=tuple(sent("_ga", host) for host in hosts)))
    assert "and 2 more" in judge(seen, GUESSES)[0].message


def test_the_longest_life_counts() -> None:
    """Wherever it was seen: a cookie of the session may become one of years."""
    seen = audit(
        stage(BEFORE, cookie("csrftoken"), cookie("mystery", None)),
        stage(ACCEPTED, cookie("mystery", 399 * DAY), cookie("csrftoken", 2 * DAY), action=DONE),
        stage(WITHDRAWN, cookie("mystery", 30 * DAY), action=FAILED),
    )
    (finding,) = [each for each in judge(seen, GUESSES) if each.id == "over-13-months"]
    assert ("mystery", ACCEPTED) == (finding.cookie, finding.state)


def test_of_lives_that_differ_by_a_moment_the_first_is_told() -> None:
    """Else two audits of one site would differ."""
    stages = (stage(BEFORE), stage(ACCEPTED, cookie("mystery", 399 * DAY), action=DONE))
    later = stage(WITHDRAWN, cookie("mystery", 399 * DAY + 20), action=DONE)
    (finding,) = [e for e in judge(audit(*stages, later), GUESSES) if e.id == "over-13-months"]
    assert ACCEPTED == finding.state


@pytest.mark.parametrize(("life", "level"), [(DAY, "note"), (DAY + 60, "error")])
def test_what_lives_a_day_may_be_renewed(life: int, level: str) -> None:
    """While somebody is there; what lives longer need never end."""
    first, second = cookie("_gid", life), cookie("_gid", life)
    later = dataclasses.replace(second, expires=NOW + life + 2, setter=None, read_at=NOW + 2)
    seen = audit(stage(ACCEPTED, first, action=DONE), stage(SECOND, later))
    assert {("extended-by-visit", level, "_gid")} == found(seen)


def test_the_signal_refuses_what_it_is_made_for() -> None:
    """Social media as well as advertising; nothing that is exempt."""
    policy = Policy.from_mapping(
        {
            "version": "1",
            "preset": "fr",
            "categories": {"necessary": {"gpc": True}},
            "cookies": [{"name": "basket", "category": "necessary"}],
        }
    )
    seen = audit(stage(StageName.GPC, cookie("basket"), cookie("__stid"), cookie("_ga")))
    expected = {("stored-despite-gpc", "warning", "__stid")}
    assert expected == found(seen, Classifier(policy, PARTIES))


def test_one_name_on_two_hosts_is_two_things() -> None:
    """Each has to be looked for where it is."""
    names = {cookie("_ga", domain=host) for host in (HOST, f"blog.{SITE}")}
    places = {each.place for each in judge(audit(stage(BEFORE, *names)), GUESSES)}
    assert {HOST, f"blog.{SITE}"} == places


def test_only_what_a_policy_permits_unasked_is_disputed() -> None:
    """Nothing that it asks for, and nothing that the catalogue finds necessary as well."""
    assert "" == DECLARED.classify(key("advert")).disputed
    policy = Policy.from_mapping(
        {
            "version": "1",
            "preset": "fr",
            "cookies": [
                {"name": "_ga", "category": "statistics"},
                {"name": "csrftoken", "category": "necessary"},
            ],
        }
    )
    for name in ("_ga", "csrftoken"):
        assert "" == Classifier(policy, PARTIES).classify(key(name)).disputed


# -- elsewhere than in cookies -----------------------------------------------------------------


@pytest.mark.parametrize(("name", "suffix"), WITHOUT_CONSENT)
def test_storage_and_third_parties_count_as_long_as_there_is_no_consent(
    name: StageName, suffix: str
) -> None:
    """A key that is known to track is one; after acceptance neither is a finding."""
    facts = {
        "action": DONE,
        "storage": tuple(
            StoredKey(URL, "local storage", each, 4) for each in ("theme", "_fbp", "csrftoken")
        ),
        "third_parties": (ThirdParty("ads.example", 1, "https://px.ads.example/"),),
    }
    expected = {
        (f"storage-{suffix}", "warning", "theme"),
        (f"storage-{suffix}", "error", "_fbp"),
        (f"third-party-{suffix}", "warning", "ads.example"),
    }
    assert expected == found(audit(stage(name, **facts)))
    assert set() == found(audit(stage(ACCEPTED, **facts)))


# -- what was not looked at --------------------------------------------------------------------


def test_a_page_that_never_rests_is_told() -> None:
    """What it did later is not in the report."""
    page = PageVisit(URL, URL, 200, at_rest=False)
    assert {("page-restless", "note", "")} == found(audit(stage(BEFORE, pages=(page,))))
    failed = dataclasses.replace(page, problem="the page crashed")
    assert {("page-failed", "warning", "")} == found(audit(stage(BEFORE, pages=(failed,))))


def test_a_partitioned_cookie_is_judged_like_another() -> None:
    """Its key is longer, its name the same."""
    partitioned = dataclasses.replace(
        cookie("_ga"), key=CookieKey("_ga", OTHER, "/", f"https://{SITE}")
    )
    assert {("stored-before-choice", "error", "_ga")} == found(audit(stage(BEFORE, partitioned)))


def test_a_declared_limit_still_counts() -> None:
    """Also where nothing is disputed."""
    assert DECLARED.classify(key("visitor")).limit == 30 * DAY
