"""The contract of the visitor's side, for fronts that serve `ConsentPages`.

Inherit `PagesContract` in the place of `consentgate.testing.FrontContract`, whose tests it has too,
and give your middleware the pages that `PagesContract.pages` returns for the gate.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from consentgate.page import MAX_BODY
from consentgate.pages.endpoints import ConsentPages
from consentgate.policy import Category
from consentgate.testing import NOW, FailingRecordStore, FrontContract, View

if TYPE_CHECKING:
    from collections.abc import Callable

    from consentgate.consent import Consent
    from consentgate.gate import Gate
    from consentgate.record import RecordStore
    from consentgate.testing import Response

__all__ = ["PagesContract"]

_FORM: Final = ("Content-Type", "application/x-www-form-urlencoded")
_JSON: Final = ("Content-Type", "application/json")
_OFFERED: Final = ["functional", "statistics", "advertising"]


class _Application(View):
    """An application that must not be asked."""

    def see(self, cookie: str | None, consent_from_request: Callable[[], Consent]) -> None:
        raise AssertionError(f"the application saw {cookie} instead of {consent_from_request}")


class PagesContract(FrontContract):
    """What every front does that serves the visitor's pages; say how to `respond` with them."""

    def pages(self, gate: Gate) -> ConsentPages:
        """Return the pages to give to the middleware."""
        return ConsentPages(gate, languages=("en", "fr"))

    def post(self, fields: str, *, gate: Gate | None = None, **request: Any) -> Response:
        """Send a form to the gate's own address."""
        headers = [*request.pop("headers", ())]
        if not any(name == "Content-Type" for name, _ in headers):
            headers.append(_FORM)
        request = {"path": "/consent/", "body": fields.encode(), **request}
        return self.ask(gate, _Application(), method="POST", headers=headers, **request)

    def get(self, path: str, **request: Any) -> Response:
        """Ask for one of the gate's own addresses."""
        return self.ask(request.pop("gate", None), _Application(), path=path, **request)

    def answers(self, response: Response) -> dict[str, str]:
        """Return what the consent cookie of ``response`` says, by category."""
        (line,) = response.application_cookies
        pairs = (field.partition("=") for field in line.partition(";")[0].split("&"))
        return {name: answer for name, _, answer in pairs if name in _OFFERED}

    def test_the_preferences_page_is_a_page(self) -> None:
        """It has the categories as checkboxes, and no cache keeps it."""
        response = self.get("/consent/")
        assert 200 == response.status
        assert ["text/html; charset=utf-8"] == response.values("content-type")
        assert "no-store" in response.values("cache-control")[0]
        assert [] == response.set_cookies
        assert b'value="statistics"' in response.body

    def test_a_query_string_does_not_hide_a_page(self) -> None:
        """Where to come back to, and in which language, are in it."""
        response = self.get("/consent/?lang=fr&next=%2Ftea")
        assert b'lang="fr"' in response.body
        assert b'"/tea"' in response.body

    def test_accepting_everything_stores_the_decision(self) -> None:
        """The form of the page or banner is answered by a redirect with the consent cookie."""
        response = self.post("choice=accept_all&next=%2Ftea%3Fcup%3D2")
        assert (303, ["/tea?cup=2"]) == (response.status, response.values("location"))
        assert dict.fromkeys(_OFFERED, "true") == self.answers(response)

    def test_refusing_everything_is_as_easy(self) -> None:
        """The same form with another button."""
        response = self.post("choice=reject_all")
        assert (303, ["/consent/"]) == (response.status, response.values("location"))
        assert dict.fromkeys(_OFFERED, "false") == self.answers(response)

    def test_a_choice_of_categories_is_stored(self) -> None:
        """What has no tick is refused."""
        response = self.post("choice=save&category=statistics&category=functional")
        granted = {name for name, answer in self.answers(response).items() if answer == "true"}
        assert {"statistics", "functional"} == granted

    def test_withdrawing_deletes_what_was_stored(self) -> None:
        """R18: the answer to the form is the one that empties the browser."""
        response = self.post("choice=withdraw", granted=["statistics"], cookie="_ga=1")
        assert dict.fromkeys(_OFFERED, "false") == self.answers(response)
        assert "_ga=; Path=/; Max-Age=0" in response.set_cookies

    def test_a_script_posts_json_and_gets_the_state(self) -> None:
        """The status stays 200, so that no page is loaded."""
        body = b'{"choice": "save", "categories": ["statistics"]}'
        response = self.post("", headers=[_JSON], body=body)
        state = json.loads(response.body)
        assert 200 == response.status
        assert ("partial", ["statistics"]) == (state["status"], state["granted"])
        assert "2026-11-21T00:00:00Z" == state["decided_at"]
        assert "true" == self.answers(response)["statistics"]

    def test_a_GET_never_changes_consent(self) -> None:
        """Whatever its address says: links and images are GETs."""
        response = self.get("/consent/?choice=accept_all&category=statistics")
        assert (200, []) == (response.status, response.set_cookies)

    def test_a_form_of_another_site_is_refused(self) -> None:
        """The browser says where it comes from, in one of two headers."""
        for name, value in (
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Site", "same-site"),
            ("Origin", "http://other.example"),
            ("Origin", "null"),
        ):
            response = self.post("choice=accept_all", headers=[(name, value)])
            assert (403, []) == (response.status, response.set_cookies)

    def test_a_form_of_this_site_is_taken(self) -> None:
        """Also where a connection without TLS has Origin alone, and where there is neither."""
        for headers in (
            [("Sec-Fetch-Site", "same-origin")],
            [("Origin", "http://shop.example")],
            [("Sec-Fetch-Site", "same-origin"), ("Origin", "null")],
            [],
        ):
            assert 303 == self.post("choice=reject_all", headers=headers).status

    def test_next_stays_on_this_site(self) -> None:
        """Addresses that a browser would follow elsewhere are ignored."""
        for elsewhere in (
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/%09/e",
            "",
        ):
            response = self.post(f"choice=reject_all&next={elsewhere}")
            assert ["/consent/"] == response.values("location")

    def test_a_body_that_no_form_sends_is_too_large(self) -> None:
        """It is not read to its end."""
        response = self.post("choice=accept_all&next=/" + "a" * MAX_BODY)
        assert (413, []) == (response.status, response.set_cookies)

    def test_other_types_are_refused(self) -> None:
        """A text/plain form is how other sites forge JSON."""
        for kind in ("text/plain", "multipart/form-data; boundary=a", ""):
            response = self.post("choice=accept_all", headers=[("Content-Type", kind)])
            assert (415, []) == (response.status, response.set_cookies)

    def test_what_cannot_be_chosen_is_refused(self) -> None:
        """Unknown categories and choices, and what nobody decides about."""
        for fields in (
            "choice=save&category=teapots",
            "choice=save&category=necessary",
            "choice=a",
        ):
            response = self.post(fields)
            assert (422, []) == (response.status, response.set_cookies)

    def test_broken_bodies_are_refused(self) -> None:
        """Never a 500, and a script gets a problem as RFC 9457 has it."""
        for body in (b"{", b"[]", b"\xff", b"[" * 9000):
            response = self.post("", headers=[_JSON], body=body)
            assert (400, []) == (response.status, response.set_cookies)
            assert ["application/problem+json"] == response.values("content-type")

    def test_R26_a_decision_without_its_record_is_not_taken(self) -> None:
        """503 and no cookie, when the record store is out of order."""
        gate = self.gate(records=cast("RecordStore", FailingRecordStore()))
        for path in ("/consent/", "/consent/record/erase"):
            response = self.post("choice=accept_all", gate=gate, path=path, granted=[])
            assert (503, []) == (response.status, response.set_cookies)
        assert 503 == self.get("/consent/record", gate=gate, granted=[]).status

    def test_a_page_has_a_head(self) -> None:
        """HEAD is GET without the body."""
        response = self.get("/consent/", method="HEAD")
        assert (200, b"") == (response.status, response.body)

    def test_other_methods_are_told_which_there_are(self) -> None:
        """OPTIONS asks, and 405 tells."""
        options, wrong = (self.get("/consent/", method=name) for name in ("OPTIONS", "DELETE"))
        assert (204, 405) == (options.status, wrong.status)
        assert ["GET, HEAD, OPTIONS, POST"] == options.values("allow") == wrong.values("allow")

    def test_the_state_is_told_to_scripts(self) -> None:
        """Before and after a choice, with the times of RFC 3339."""
        before = json.loads(self.get("/consent/state").body)
        after = json.loads(self.get("/consent/state", granted=["statistics"]).body)
        assert {
            "status": "undecided",
            "granted": [],
            "denied": _OFFERED,
            "decided_at": None,
            "expires_at": None,
            "policy_version": "1",
            "gpc": False,
        } == before
        assert ("partial", ["statistics"]) == (after["status"], after["granted"])
        assert "2027-05-21T00:00:00Z" == after["expires_at"]

    def test_the_signal_is_told(self) -> None:
        """Whoever sends Global Privacy Control sees that it is heeded."""
        response = self.get("/consent/state", headers=[("Sec-GPC", "1")])
        assert json.loads(response.body)["gpc"] is True

    def test_the_policy_is_told(self) -> None:
        """Categories, cookies, vendors and lives, for machines."""
        policy = json.loads(self.get("/consent/policy.json").body)
        cookies = {
            cookie["name"]: cookie["max_age"]
            for category in policy["categories"]
            for cookie in category["cookies"]
        }
        assert 393 * 24 * 60 * 60 == cookies["_ga*"]
        assert "session" == cookies["test"]
        assert "eu-consent" in cookies

    def test_the_banner_is_there_for_cached_pages(self) -> None:
        """A script fetches the same markup that a server renders."""
        undecided = self.get("/consent/banner?lang=fr&next=%2F")
        decided = self.get("/consent/banner", granted=[])
        assert b'id="consentgate"' in undecided.body
        assert b'role="dialog"' in undecided.body
        assert b'role="dialog"' not in decided.body

    def test_script_and_styles_are_kept_by_caches(self) -> None:
        """They set no cookie, are the same for all, and are not sent twice."""
        for name in ("banner.js", "banner.css", "preferences.css"):
            response = self.get(f"/consent/{name}", cookie="_ga=1")
            (etag,) = response.values("etag")
            again = self.get(f"/consent/{name}", headers=[("If-None-Match", etag)])
            assert (200, 304) == (response.status, again.status)
            assert "public" in response.values("cache-control")[0]
            assert ([], []) == (response.set_cookies, response.values("vary"))
            assert b"" == again.body

    def test_consent_mode_is_told_to_tags(self) -> None:
        """Google's tags find the visitor's choice as their default."""
        script = self.get("/consent/consent-mode.js", granted=["statistics"]).body.decode()
        assert '"analytics_storage":"granted"' in script
        assert '"ad_storage":"denied"' in script

    def test_the_site_says_that_it_heeds_global_privacy_control(self) -> None:
        """At the address of the specification."""
        response = self.get("/.well-known/gpc.json")
        assert {"gpc": True} == json.loads(response.body)
        assert ["application/json"] == response.values("content-type")

    def test_visitors_take_their_proof_home(self) -> None:
        """What is known of their decisions, as a file."""
        response = self.get("/consent/record", granted=["statistics"])
        record = json.loads(response.body)
        assert "attachment" in response.values("content-disposition")[0]
        assert record["subject"]
        assert ["statistics"] == record["state"]["granted"]
        assert self.get("/consent/record").status == 200

    def test_visitors_erase_their_proof(self) -> None:
        """They are undecided afterwards, as in a new browser."""
        response = self.post("", path="/consent/record/erase", granted=["statistics"])
        assert 303 == response.status
        assert ["eu-consent=; Path=/; Max-Age=0; SameSite=Lax"] == response.set_cookies

    def test_other_paths_are_the_applications(self) -> None:
        """Also below the pages' own prefix."""
        for path in ("/", "/consent", "/consent/other", "/consent/state/"):
            assert b"Hello" == self.ask(view=View(), path=path).body

    def test_the_pages_may_be_elsewhere(self) -> None:
        """The policy says where."""
        gate = self.gate(path_prefix="/privacy/choices/")
        assert 200 == self.get("/privacy/choices/", gate=gate).status
        assert b"Hello" == self.ask(gate, View(), path="/consent/").body

    def test_what_is_opt_out_is_on_until_refused(self) -> None:
        """The checkboxes say what holds, and the decision holds at once."""
        gate = self.gate(categories=[Category("advertising", basis="opt-out", gpc=True)])
        state = json.loads(self.get("/consent/state", gate=gate).body)
        assert ("undecided", ["advertising"]) == (state["status"], state["granted"])

    def test_a_decision_ends_when_the_policy_says(self) -> None:
        """R20, R21: the page asks again after six months, whatever the browser still sends."""
        gate = self.gate()
        then = NOW - gate.policy.consent_valid_for
        state = json.loads(self.get("/consent/state", gate=gate, granted=[], decided_at=then).body)
        assert "undecided" == state["status"]
