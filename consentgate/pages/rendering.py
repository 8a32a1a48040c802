"""What visitors see: the banner, the preferences page, an error, in their language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined
from markupsafe import Markup

from consentgate import cookie_header
from consentgate.declaration import declared_cookies, longest_life, shown_categories
from consentgate.pages.assets import ASSETS, load_asset
from consentgate.pages.state import State, state_of

if TYPE_CHECKING:
    import os

    from consentgate.page import PageRequest
    from consentgate.pages.consent_mode import ConsentMode
    from consentgate.pages.languages import Language
    from consentgate.pages.problems import Problem
    from consentgate.policy import CookieRule, Policy

TEMPLATES: Final = ("banner.html", "preferences.html", "error.html")

_REMEMBERED_VIEWS: Final = 256
_TIME = re.compile(r"&time=([0-9]{1,20})")
_PATH_CHARACTERS: Final = "/!$&'()*+,;=:@~"


@dataclass(frozen=True, slots=True)
class CookieView:
    """One declared cookie, in the visitor's language."""

    name: str
    vendor: str
    purpose: str
    life: str


@dataclass(frozen=True, slots=True)
class CategoryView:
    """One category, in the visitor's language."""

    id: str
    title: str
    description: str
    basis: str
    decidable: bool
    granted: bool
    consent_mode: str
    cookies: tuple[CookieView, ...]


class Renderer:
    """The templates of one site's pages.

    ``template_folder`` may have templates that take the place of ours, by their names.
    """

    def __init__(
        self,
        policy: Policy,
        consent_mode: ConsentMode,
        *,
        site_name: str,
        template_folder: str | os.PathLike[str] | None,
    ) -> None:
        self._policy = policy
        self._consent_mode = consent_mode
        self._site_name = site_name
        # A view is the same for all who chose alike; to make one costs more than to render it.
        self._categories = lru_cache(_REMEMBERED_VIEWS)(self._make_categories)
        self._cookies = lru_cache(_REMEMBERED_VIEWS)(self._make_cookies)
        own = [] if template_folder is None else [FileSystemLoader(template_folder)]
        self._environment = Environment(
            loader=ChoiceLoader([*own, PackageLoader("consentgate.pages")]),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            auto_reload=bool(own),  # ours do not change while they run
        )
        for name in TEMPLATES:  # a mistake in one stops the start and not the first visitor
            self._environment.get_template(name)

    def banner(
        self,
        request: PageRequest,
        language: Language,
        *,
        next_path: str,
        nonce: str,
        dialog: bool,
        link: bool,
    ) -> Markup:
        """Return the banner's part of a page: the dialog only where it is needed."""
        state = state_of(request)
        needed = dialog or state.status == "undecided"
        context = self._context(request, language, state, next_path)
        return self._render(
            "banner.html",
            context,
            nonce=nonce,
            dialog=bool(self._policy.offered) and needed,
            link=link and bool(self._policy.offered),
            cookie_name=self._policy.cookie_name,
            cookie_time=_cookie_time(request),
        )

    def preferences(
        self, request: PageRequest, language: Language, *, next_path: str, saved: bool
    ) -> Markup:
        """Return the preferences page."""
        state = state_of(request)
        context = self._context(request, language, state, next_path)
        here = {"saved": "1", "lang": language.tag, **({"next": next_path} if next_path else {})}
        return self._render(
            "preferences.html",
            context,
            next=f"{context['urls']['preferences']}?{urlencode(here)}",
            saved=saved and state.decided_at is not None,
            policy_version=self._policy.version,
            subject=request.consent.subject,
        )

    def error(self, request: PageRequest, language: Language, problem: Problem) -> Markup:
        """Return the page that says why a form was not taken."""
        return self._render(
            "error.html",
            {"text": language.texts, "language": language.tag, "site_name": self._site_name},
            urls=urls(request, language, ""),
            status=int(problem.status),
            message=language.text(problem.name, **problem.values),
        )

    def _render(self, name: str, context: dict[str, Any], **more: Any) -> Markup:
        return Markup(self._environment.get_template(name).render({**context, **more}))  # noqa: S704 - autoescaped

    def _context(
        self, request: PageRequest, language: Language, state: State, next_path: str
    ) -> dict[str, Any]:
        return {
            "text": language.texts,
            "language": language.tag,
            "state": state,
            "decided_on": "" if state.decided_at is None else language.date(state.decided_at),
            "asked_again_on": "" if state.expires_at is None else language.date(state.expires_at),
            "categories": self._categories(request.consent.allowed, language),
            "urls": urls(request, language, next_path),
            "next": next_path,
            "nonce": "",
            "site_name": self._site_name,
        }

    def _make_categories(
        self, allowed: frozenset[str], language: Language
    ) -> tuple[CategoryView, ...]:
        return tuple(
            CategoryView(
                category.id,
                language.of(category.title) or category.id,
                language.of(category.description),
                category.basis,
                category.decidable,
                category.id in allowed,
                " ".join(self._consent_mode.signals(category.id)),
                self._cookies(category.id, language),
            )
            for category in shown_categories(self._policy)
        )

    def _make_cookies(self, category: str, language: Language) -> tuple[CookieView, ...]:
        return tuple(
            CookieView(
                rule.name, rule.vendor, language.of(rule.purpose), self._life(rule, language)
            )
            for rule in declared_cookies(self._policy, category)
        )

    def _life(self, rule: CookieRule, language: Language) -> str:
        life = longest_life(self._policy, rule)
        return language.text("until_closed") if life is None else language.duration(life)


def _cookie_time(request: PageRequest) -> str:
    """Return the time that a script will read in the consent cookie, whether or not it counts.

    Where it reads another one, the page is older than the last decision.
    """
    decision = request.consent.decision
    if request.consent.changed:
        return "" if decision is None else str(decision.decided_at)
    tokens = cookie_header.values(request.visit.cookie, request.visit.gate.policy.cookie_name)
    found = _TIME.search(tokens[0]) if tokens else None
    return found[1] if found else ""


def base_of(request: PageRequest) -> str:
    """Return the address of the preferences page, from the origin's root."""
    return quoted_path(request.visit.root) + request.visit.gate.policy.path_prefix


def quoted_path(path: str) -> str:
    """Return a path as it stands in an address (RFC 3986 3.3)."""
    return quote(path, _PATH_CHARACTERS)


def urls(request: PageRequest, language: Language, next_path: str) -> dict[str, str]:
    """Return the addresses that a template needs, by what they are."""
    base = base_of(request)
    query = {"lang": language.tag, **({"next": next_path} if next_path else {})}
    assets = {name.replace(".", "_"): base + load_asset(name).address for name in ASSETS}
    return {
        "preferences": base,
        "customise": f"{base}?{urlencode(query)}",
        "record": f"{base}record",
        "erase": f"{base}record/erase",
        "home": next_path or quoted_path(request.visit.root) + "/",
        **assets,
    }
