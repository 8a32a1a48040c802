"""The addresses of the visitor's side, and what each answers."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from markupsafe import Markup

from consentgate.cache import Memo
from consentgate.exceptions import ConfigurationError, DecisionNotStored
from consentgate.page import PageResponse
from consentgate.pages import choices, problems
from consentgate.pages.assets import ASSETS, load_asset
from consentgate.pages.choices import local_path, media_type, read_choice, read_form
from consentgate.pages.consent_mode import ConsentMode
from consentgate.pages.declaration import declaration
from consentgate.pages.languages import LANGUAGES, Language, check_texts, negotiate
from consentgate.pages.origin import is_cross_site
from consentgate.pages.problems import Problem
from consentgate.pages.proof import exported, record_of
from consentgate.pages.rendering import Renderer, base_of
from consentgate.pages.state import state_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterable, Sequence

    from consentgate.gate import Gate
    from consentgate.page import PageRequest
    from consentgate.record import Record, RecordStore

    Header = tuple[str, str]
    Endpoint = Callable[[PageRequest], PageResponse]

PagesSource: TypeAlias = "ConsentPages | Mapping[str, Any] | None"
"""What the pages of a site can be made of: themselves, their options, or nothing for none."""

T = TypeVar("T")

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
        trusted_origins: other origins, such as ``https://www.example.org``, whose pages may post
            choices; also this site's own, where a proxy hands on another Host and no TLS.
        consent_mode: by category, the signals of Google Consent Mode that it grants, where they
            differ from `consent_mode.DEFAULT_MAPPING`.
        template_folder: a folder with Jinja templates that take the place of ``banner.html``,
            ``preferences.html`` or ``error.html``.
        content_security_policy: that of the preferences page.
        gpc_last_update: since when the site's GPC statement holds, as an RFC 3339 date.

    Raises `ConfigurationError`, and `PolicyError` for texts in the policy that no page has.
    """

    def __init__(
        self,
        gate: Gate,
        *,
        languages: Sequence[str] = LANGUAGES,
        site_name: str = "",
        trusted_origins: Collection[str] = (),
        consent_mode: Mapping[str, Sequence[str]] | None = None,
        template_folder: str | os.PathLike[str] | None = None,
        content_security_policy: str = PAGE_SECURITY_POLICY,
        gpc_last_update: str = "",
    ) -> None:
        policy = gate.policy
        check_texts(policy.texts, languages)
        _check(gate, languages)
        self.gate = gate
        self._languages = {tag: Language(tag, policy.texts) for tag in languages}
        self._negotiated: Memo[str, Language] = Memo(
            lambda wished: self._languages[negotiate(wished, tuple(self._languages))],
            size=_REMEMBERED_WISHES,
            longest=_LONGEST_REMEMBERED_WISH,
        )
        self._trusted_origins = frozenset(trusted_origins)
        self._consent_mode = ConsentMode(policy, consent_mode or {})
        self._renderer = Renderer(
            policy, self._consent_mode, site_name=site_name, template_folder=template_folder
        )
        self._content_security_policy = content_security_policy
        self._gpc_last_update = gpc_last_update
        self._endpoints = self._by_path(policy.path_prefix)
        self.paths: frozenset[str] = frozenset(self._endpoints)
        """The paths that are answered, below the place where the application is mounted."""

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
            GPC_STATEMENT: {"GET": self._show_gpc_statement},
            **{prefix + name: {"GET": load_asset(name).answer} for name in ASSETS},
        }

    @property
    def blocking(self) -> bool:
        """Whether to answer may wait for a record store."""
        return self.gate.records is not None

    def answer(self, request: PageRequest) -> PageResponse:
        """Return the answer to a request for one of `paths`."""
        methods = self._endpoints[request.path]
        endpoint = methods.get("GET" if request.method == "HEAD" else request.method)
        if endpoint is None:
            return _other_method(request.method, methods)
        try:
            answer = endpoint(request)
        except Problem as problem:
            answer = self._refuse(request, problem)
        length = ("Content-Length", str(len(answer.body)))
        headers = [*answer.headers, *([] if _is_bodiless(answer) else [length])]
        body = b"" if request.method == "HEAD" else answer.body
        return PageResponse(answer.status, headers, body)

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
        return _json(HTTPStatus.OK, state_of(request).as_json())

    def _show_policy(self, _request: PageRequest) -> PageResponse:
        return _json(HTTPStatus.OK, declaration(self.gate.policy))

    def _show_gpc_statement(self, _request: PageRequest) -> PageResponse:
        statement: dict[str, Any] = {"gpc": self.gate.policy.gpc != "ignore"}
        if self._gpc_last_update:
            statement["lastUpdate"] = self._gpc_last_update
        return _json(HTTPStatus.OK, statement)

    def _show_consent_mode(self, request: PageRequest) -> PageResponse:
        script = self._consent_mode.script(request.consent.allowed)
        return _fresh(HTTPStatus.OK, "text/javascript; charset=utf-8", script)

    def _show_record(self, request: PageRequest) -> PageResponse:
        decision = request.consent.decision
        kept: Iterable[Record] | None = ()
        if decision is not None:
            kept = self._in_store(request, lambda records: tuple(records.by_subject(decision.id)))
        answer = _json(HTTPStatus.OK, exported(request, kept or ()))
        attached = ("Content-Disposition", 'attachment; filename="consent.json"')
        return answer._replace(headers=[*answer.headers, attached])

    def _take_choice(self, request: PageRequest) -> PageResponse:
        self._check_origin(request)
        choice = read_choice(request)
        choice.make(request.consent, self.gate.policy.offered)
        language = self._language(request, choice.language).tag
        record = record_of(request, choice, language)
        self._in_store(request, lambda records: records.append(record))
        return self._after(request, choice.next)

    def _erase_record(self, request: PageRequest) -> PageResponse:
        self._check_origin(request)
        decision = request.consent.decision
        try:
            request.consent.forget()
        except DecisionNotStored:
            raise problems.unavailable() from None
        if decision is not None:
            self._in_store(request, lambda records: records.erase(decision.id))
        return self._after(request, "")

    def _in_store(self, request: PageRequest, action: Callable[[RecordStore], T]) -> T | None:
        """Do ``action`` before the consent cookie leaves, or let no cookie leave."""
        if self.gate.records is None:
            return None
        try:
            return action(self.gate.records)
        except Exception:
            logger.exception("the record store failed; the visitor's decision was not taken")
            request.consent.revert()
            raise problems.unavailable() from None

    def _check_origin(self, request: PageRequest) -> None:
        if is_cross_site(request, self._trusted_origins):
            raise problems.cross_site()

    def _after(self, request: PageRequest, next_path: str) -> PageResponse:
        """Return the new state to a script, and send a visitor's form on."""
        if media_type(request) == choices.JSON:
            return self._show_state(request)
        answer = _fresh(HTTPStatus.SEE_OTHER, "text/plain", "")
        location = ("Location", next_path or base_of(request))
        return answer._replace(headers=[*answer.headers, location])

    def _refuse(self, request: PageRequest, problem: Problem) -> PageResponse:
        language = self._language(request, None)
        if media_type(request) == choices.JSON:
            detail = language.text(problem.name, **problem.values)
            fields = {"title": problem.status.phrase, "status": problem.status, "detail": detail}
            return _json(problem.status, fields, "application/problem+json")  # RFC 9457
        return self._html(problem.status, self._renderer.error(request, language, problem))

    def _html(self, status: HTTPStatus, page: str) -> PageResponse:
        answer = _fresh(status, "text/html; charset=utf-8", page)
        security = ("Content-Security-Policy", self._content_security_policy)
        return answer._replace(headers=[*answer.headers, security])


def _check(gate: Gate, languages: Sequence[str]) -> None:
    if not languages or isinstance(languages, str):
        raise ConfigurationError(f"languages is {languages!r}; list one tag or more, as ('fr',)")
    prefix = gate.policy.path_prefix
    for route in gate.policy.routes:
        if route.covers(prefix):
            raise ConfigurationError(
                f"nothing may be stored on {route.path!r}, and a choice is stored on {prefix!r}; "
                "change that route or path_prefix in the policy"
            )


def _query(request: PageRequest) -> dict[str, str]:
    return {name: values[-1] for name, values in read_form(request.query).items()}


def _address_of(request: PageRequest) -> str:
    """Return the path and query that a visitor comes back to after choosing."""
    query = f"?{request.query}" if request.query else ""
    return local_path(f"{request.root}{request.path}") + query


def _other_method(method: str, methods: Mapping[str, Endpoint]) -> PageResponse:
    known = ["OPTIONS", *methods, *(["HEAD"] if "GET" in methods else [])]
    allow = ("Allow", ", ".join(sorted(known)))
    if method == "OPTIONS":
        return PageResponse(HTTPStatus.NO_CONTENT, [("Cache-Control", "no-store"), allow])
    answer = _fresh(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", "")
    return answer._replace(headers=[*answer.headers, allow, ("Content-Length", "0")])


def _is_bodiless(answer: PageResponse) -> bool:
    return answer.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


def _json(status: HTTPStatus, value: object, kind: str = "application/json") -> PageResponse:
    return _fresh(status, kind, json.dumps(value, ensure_ascii=False))


def _fresh(status: HTTPStatus, kind: str, text: str) -> PageResponse:
    """Return an answer that nobody may keep."""
    headers = [
        ("Cache-Control", "no-store"),
        ("Content-Type", kind),
        ("X-Content-Type-Options", "nosniff"),
    ]
    return PageResponse(status, headers, text.encode())
