"""The addresses of the visitor's side, and what each answers."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from markupsafe import Markup

from consentgate.cache import Memo
from consentgate.declaration import declaration
from consentgate.exceptions import ConfigurationError, DecisionNotStored, RecordStoreUnavailable
from consentgate.origin import is_of_host
from consentgate.pages import choices, options, problems
from consentgate.pages.assets import ASSETS, load_asset
from consentgate.pages.choices import local_path, media_type, read_choice, read_form
from consentgate.pages.consent_mode import ConsentMode
from consentgate.pages.languages import LANGUAGES, Language, negotiate
from consentgate.pages.problems import Problem
from consentgate.pages.rendering import Renderer, base_of, quoted_path
from consentgate.pages.responses import (
    as_sent,
    fresh,
    html_response,
    json_response,
    other_method,
    redirect,
)
from consentgate.pages.shown import Shown
from consentgate.pages.state import state_of
from consentgate.records.export import exported

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Sequence
    from datetime import date

    from consentgate.gate import Gate
    from consentgate.page import PageRequest, PageResponse
    from consentgate.pages.choices import Choice
    from consentgate.record import RecordStore

    Endpoint = Callable[[PageRequest], PageResponse]

PagesSource: TypeAlias = "ConsentPages | Mapping[str, Any] | None"
"""What the pages of a site can be made of: themselves, their options, or nothing for none."""

_REMEMBERED_WISHES: Final = 1024
_LONGEST_REMEMBERED_WISH: Final = 128

logger = logging.getLogger("consentgate")

GPC_STATEMENT: Final = "/.well-known/gpc.json"
"""Where a site says that it heeds Global Privacy Control (GPC specification)."""

PAGE_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What our own pages need; nobody may frame a page that takes decisions."""


class ConsentPages:
    """The visitor's pages of one site, served by the middleware that is given them.

    Args:
        gate: the site's gate; its policy says where the pages are (``path_prefix``).
        languages: what they are offered in, as BCP 47 tags, the site's own first. A visitor gets
            the one that Accept-Language likes best.
        site_name: shown on the preferences page.
        trusted_origins: other origins, such as ``https://www.example.org``, whose forms may post
            choices; also this site's own, where a proxy hands on another Host and no TLS.
        consent_mode: by category, the signals of Google Consent Mode that it grants, where they
            differ from `consent_mode.DEFAULT_MAPPING`.
        template_folder: a folder with Jinja templates that take the place of ``banner.html``,
            ``preferences.html`` or ``error.html``.
        content_security_policy: that of the preferences page.
        gpc_statement: whether to answer for ``/.well-known/gpc.json``.
        gpc_last_update: since when that statement holds: a date, or its text (RFC 3339).

    Raises `ConfigurationError`, and `PolicyError` for texts in the policy that no page has.
    """

    def __init__(
        self,
        gate: Gate,
        *,
        languages: Sequence[str] = LANGUAGES,
        site_name: str = "",
        trusted_origins: Collection[str] = (),
        consent_mode: Mapping[str, Sequence[str]] = {},
        template_folder: str | os.PathLike[str] | None = None,
        content_security_policy: str = PAGE_SECURITY_POLICY,
        gpc_statement: bool = True,
        gpc_last_update: str | date = "",
    ) -> None:
        policy = gate.policy
        offered = options.checked_languages(languages, policy)
        self.gate = gate
        self._languages = {tag: Language(tag, policy.texts) for tag in offered}
        self._negotiated: Memo[str, Language] = Memo(
            lambda wished: self._languages[negotiate(wished, offered)],
            size=_REMEMBERED_WISHES,
            longest=_LONGEST_REMEMBERED_WISH,
        )
        self._trusted_origins = options.checked_origins(trusted_origins)
        self._consent_mode = ConsentMode(policy, options.checked_mapping(consent_mode))
        self._renderer = Renderer(
            policy,
            self._consent_mode,
            site_name=site_name,
            template_folder=options.checked_folder(template_folder),
        )
        self._shown = Shown(gate, self._renderer)
        self._security_policy = options.checked_header(content_security_policy)
        self._gpc_last_update = options.checked_date(gpc_last_update)
        self._endpoints = self._by_path(policy.path_prefix)
        options.check_routes(policy, self._endpoints)
        if gpc_statement:
            self._endpoints[GPC_STATEMENT] = {"GET": self._show_gpc_statement}
        self.paths: frozenset[str] = frozenset(self._endpoints)
        """The paths that are answered, below the place where the application is mounted."""

    @classmethod
    def of(cls, request: PageRequest) -> ConsentPages:
        """Return the pages of the site that answers ``request``.

        Raises `ConfigurationError` where it has none.
        """
        pages = request.visit.pages
        if not isinstance(pages, cls):
            raise ConfigurationError("this site has no pages for its visitors; see pages=")
        return pages

    @classmethod
    def load(cls, gate: Gate, source: PagesSource) -> ConsentPages | None:
        """Return the pages that ``source`` are or describes by keywords; None for None.

        Raises `ConfigurationError`.
        """
        match source:
            case None | ConsentPages():
                return source
            case Mapping():
                known = inspect.signature(cls).parameters
                for name in source:
                    if name not in known or name == "gate":
                        raise ConfigurationError(
                            f"pages have no option {name!r}; use {', '.join([*known][1:])}"
                        )
                return cls(gate, **source)
            case _:
                raise ConfigurationError(
                    f"pages are {source!r}; give a mapping of options, ConsentPages or None"
                )

    def _by_path(self, prefix: str) -> dict[str, dict[str, Endpoint]]:
        return {
            prefix: {"GET": self._show_preferences, "POST": self._take_choice},
            f"{prefix}state": {"GET": self._show_state},
            f"{prefix}policy.json": {"GET": self._show_policy},
            f"{prefix}banner": {"GET": self._show_banner},
            f"{prefix}consent-mode.js": {"GET": self._show_consent_mode},
            f"{prefix}record": {"GET": self._show_record},
            f"{prefix}record/erase": {"POST": self._erase_record},
            **{prefix + name: {"GET": load_asset(name).answer} for name in ASSETS},
        }

    def blocking(self, request: PageRequest) -> bool:
        """Whether the answer waits for a record store, for which an event loop must not wait."""
        is_about_records = request.method == "POST" or request.path.endswith("/record")
        return is_about_records and request.visit.recorder is not None

    def answer(self, request: PageRequest) -> PageResponse:
        """Return the answer to a request for one of `paths`."""
        methods = self._endpoints[request.path]
        endpoint = methods.get("GET" if request.method == "HEAD" else request.method)
        if endpoint is None:
            answer = other_method(request.method, methods)
        else:
            try:
                answer = endpoint(request)
            except Problem as problem:
                answer = self._refuse(request, problem)
        return as_sent(answer, is_head=request.method == "HEAD")

    def banner(
        self,
        request: PageRequest,
        *,
        language: str | None = None,
        nonce: str = "",
        link: bool = True,
    ) -> Markup:
        """Return the banner for a page that answers ``request``, to stand at the end of its body.

        Args:
            request: made by ``page_request_from`` of the glue or adapter.
            language: the page's language; unless given, what the visitor likes best.
            nonce: that of the page's Content-Security-Policy, if it has one.
            link: whether to show the link that opens the settings again; without it put a link to
                the preferences page on every page yourself.
        """
        return self._renderer.banner(
            request,
            self._language(request, language),
            next_path=_address_of(request),
            nonce=nonce,
            dialog=False,
            link=link,
        )

    def consent_mode(self, request: PageRequest, *, nonce: str = "") -> Markup:
        """Return the script that sets Google Consent Mode, to stand before any tag of Google's.

        With a ``nonce`` it stands in the page itself; without one it is another file.
        """
        if not nonce:
            source = f"{base_of(request)}consent-mode.js"
            return Markup('<script src="{}"></script>').format(source)
        script = Markup(self._consent_mode.script(request.consent.allowed))  # noqa: S704 - our own
        return Markup('<script nonce="{}">{}</script>').format(nonce, script)

    def _language(self, request: PageRequest, wished: str | None) -> Language:
        """Return the language ``wished`` if it is offered, else the one of Accept-Language."""
        if len(self._languages) == 1:
            return next(iter(self._languages.values()))
        if not wished:
            request.visit.vary_on("Accept-Language")
            wished = request.header("accept-language")
        return self._negotiated[wished]

    def _show_preferences(self, request: PageRequest) -> PageResponse:
        query = _query(request)
        page = self._renderer.preferences(
            request,
            self._language(request, query.get("lang")),
            next_path=local_path(query.get("next", "")),
            saved="saved" in query,
        )
        return self._html(HTTPStatus.OK, page)

    def _show_banner(self, request: PageRequest) -> PageResponse:
        query = _query(request)
        banner = self._renderer.banner(
            request,
            self._language(request, query.get("lang")),
            next_path=local_path(query.get("next", "")),
            nonce="",
            dialog="dialog" in query,
            link=True,
        )
        return self._html(HTTPStatus.OK, banner)

    def _show_state(self, request: PageRequest) -> PageResponse:
        return json_response(state_of(request).as_json())

    def _show_policy(self, _request: PageRequest) -> PageResponse:
        return json_response(declaration(self.gate.policy))

    def _show_gpc_statement(self, _request: PageRequest) -> PageResponse:
        statement: dict[str, Any] = {"gpc": self.gate.policy.gpc != "ignore"}
        if self._gpc_last_update:
            statement["lastUpdate"] = self._gpc_last_update
        return json_response(statement)

    def _show_consent_mode(self, request: PageRequest) -> PageResponse:
        script = self._consent_mode.script(request.consent.allowed)
        return fresh(HTTPStatus.OK, "text/javascript; charset=utf-8", script)

    def _show_record(self, request: PageRequest) -> PageResponse:
        kept: list[dict[str, Any]] = []
        subject = request.consent.subject

        def collect(records: RecordStore) -> None:
            kept.extend(map(exported, records.by_subject(subject or "")))

        if subject is not None:
            self._in_store(request, collect)
        attached = ("Content-Disposition", 'attachment; filename="consent.json"')
        known = {"subject": subject, "state": state_of(request).as_json(), "records": kept}
        return json_response(known, attached)

    def _take_choice(self, request: PageRequest) -> PageResponse:
        self._check_origin(request)
        choice = read_choice(request)
        choice.make(request.consent, self.gate.policy.offered)
        if request.visit.recorder is not None:
            self._record(request, choice)
        return self._after(request, choice.next)

    def _record(self, request: PageRequest, choice: Choice) -> None:
        """Keep the proof of ``choice`` before its cookie leaves, or let no cookie leave."""
        language = self._language(request, choice.language)
        shown = self._shown.document(choice.method, language)
        try:
            request.visit.settle(choice.circumstances(language.tag, shown))
        except RecordStoreUnavailable:
            raise problems.unavailable() from None

    def _erase_record(self, request: PageRequest) -> PageResponse:
        self._check_origin(request)
        subject = request.consent.subject
        try:
            request.consent.forget()
        except DecisionNotStored:
            raise problems.unavailable() from None
        if subject is not None:
            self._in_store(request, lambda records: records.erase(subject))
        return self._after(request, "")

    def unavailable(self, request: PageRequest) -> PageResponse:
        """Return the answer to any request whose decision cannot be kept just now."""
        answer = self._refuse(request, problems.unavailable())
        return as_sent(answer, is_head=request.method == "HEAD")

    def _in_store(self, request: PageRequest, action: Callable[[RecordStore], object]) -> None:
        """Do ``action`` before the consent cookie leaves, or let no cookie leave."""
        recorder = request.visit.recorder
        if recorder is None:
            return
        try:
            action(recorder.store)
        except Exception:
            logger.exception("the record store failed; the visitor's request was not met")
            request.consent.revert()
            raise problems.unavailable() from None

    def _check_origin(self, request: PageRequest) -> None:
        """Refuse what another site's page, or a sibling host's, sends.

        Browsers say where a request comes from by Sec-Fetch-Site (Fetch Metadata), which no page
        can change, or where a connection is not to be trusted by Origin alone. What sends neither
        is no browser of the last years, and has no visitor's cookies to abuse.
        """
        origin, site = request.header("origin"), request.header("sec-fetch-site")
        if origin in self._trusted_origins or site in ("same-origin", "none"):
            return
        if site or (origin and not is_of_host(origin, request.header("host"))):
            raise problems.cross_site()

    def _after(self, request: PageRequest, next_path: str) -> PageResponse:
        """Return the new state to a script, and send a visitor's form on."""
        if media_type(request) == choices.JSON:
            return self._show_state(request)
        return redirect(next_path or base_of(request))

    def _refuse(self, request: PageRequest, problem: Problem) -> PageResponse:
        language = self._language(request, _wished(request))
        if media_type(request) == choices.JSON:
            detail = language.text(problem.name, **problem.values)
            fields = {"title": problem.status.phrase, "status": problem.status, "detail": detail}
            return json_response(fields, status=problem.status)
        return self._html(problem.status, self._renderer.error(request, language, problem))

    def _html(self, status: HTTPStatus, page: str) -> PageResponse:
        return html_response(status, page, self._security_policy)


def _query(request: PageRequest) -> dict[str, str]:
    return _last(read_form(request.query))


def _last(fields: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: values[-1] for name, values in fields.items()}


def _wished(request: PageRequest) -> str:
    """Return the language that a form or its address asks for, however wrong the rest is."""
    is_form = media_type(request) == choices.FORM
    with suppress(Problem):
        return _last(read_form(request.body or b"" if is_form else request.query)).get("lang", "")
    return ""


def _address_of(request: PageRequest) -> str:
    """Return the path and query that a visitor comes back to after choosing."""
    query = f"?{request.query}" if request.query else ""
    return local_path(quoted_path(request.request.path()) + query)
