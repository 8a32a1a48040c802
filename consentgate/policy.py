"""What a site may store: its categories, its cookies, their longest life."""

from __future__ import annotations

import difflib
import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast

from consentgate.duration import DAY, months
from consentgate.exceptions import PolicyError
from consentgate.policy_file import load_preset, overlay, read_policy_file
from consentgate.rule_index import RuleIndex
from consentgate.values import (
    ReadOnlyDict,
    choice,
    duration,
    flag,
    frozen,
    text,
    texts_by_language,
    translations,
)

Basis = Literal["exempt", "opt-in", "opt-out", "forbidden"]
Mode = Literal["strip", "block", "report"]
Unregistered = Literal["strip", "allow", "report", "block"]
Signal = Literal["ignore", "default", "override"]
PolicySource: TypeAlias = "Policy | Mapping[str, Any] | str | os.PathLike[str]"
"""What a policy can be made of: itself, a mapping in the shape of its file, or the file's path."""
T = TypeVar("T")

BROWSER_MAX_AGE: Final = 400 * DAY
"""Seconds; no browser keeps a cookie longer (RFC 6265bis 5.5)."""

EXEMPT_CATEGORY: Final = "necessary"
"""The category of the gate's own cookies."""

_CATEGORY_ID = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_RESERVED_CATEGORY_IDS: Final = ("id", "policy", "signature", "time")
# A token, but without the `*` that would make a pattern of it.
_COOKIE_NAME = re.compile(r"[!#$%&'+.^_`|~0-9A-Za-z-]{1,64}")
# Visible ASCII: the rest reaches a server in more than one encoding, or ends a header.
_PATTERN = re.compile(r"[!-:<>-~]{1,256}")
_PATH = re.compile(r"/[!-:<-~]*")
_ROUTE = re.compile(r"/(?:(?!%[0-9A-Fa-f]{2})[^\x00-\x1f\x7f*?#])*\*?")
_PATH_PREFIX = re.compile(r"(?:/(?!\.{1,2}/)[A-Za-z0-9._~-]+)+/")
# The last label begins with a letter, which an IP address has not.
_LABEL = r"(?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"\.?(?:[A-Za-z0-9]{_LABEL}\.)+[A-Za-z]{_LABEL}")
_LONGEST_VERSION: Final = 64

_CONSENT_PURPOSE: Final = {
    "en": "Remembers your choice about cookies",
    "fr": "Retient votre choix sur les cookies",
    "de": "Merkt sich Ihre Auswahl zu Cookies",
    "es": "Recuerda su elección sobre las cookies",
    "it": "Ricorda la scelta sui cookie",
    "nl": "Onthoudt uw keuze over cookies",
}
_DEPOSITS_PURPOSE: Final = {
    "en": "Remembers since when cookies are stored, so that they end in time",
    "fr": "Retient depuis quand les cookies sont déposés, pour qu'ils expirent à temps",
    "de": "Merkt sich, seit wann Cookies gespeichert sind, damit sie rechtzeitig enden",
    "es": "Recuerda desde cuándo hay cookies almacenadas, para que caduquen a tiempo",
    "it": "Ricorda da quando i cookie sono memorizzati, affinché scadano in tempo",
    "nl": "Onthoudt sinds wanneer cookies zijn opgeslagen, zodat ze op tijd verlopen",
}
_SIGNAL_PURPOSE: Final = {
    "en": "Remembers that your browser's opt-out signal was recorded",
    "fr": "Retient que le signal d'opposition de votre navigateur a été enregistré",
    "de": "Merkt sich, dass das Widerspruchssignal Ihres Browsers vermerkt wurde",
    "es": "Recuerda que se registró la señal de exclusión de su navegador",
    "it": "Ricorda che il segnale di opposizione del browser è stato registrato",
    "nl": "Onthoudt dat het opt-outsignaal van uw browser is vastgelegd",
}


@dataclass(frozen=True, init=False, slots=True)
class Category:
    """A purpose the visitor can accept or refuse.

    Args:
        id: short name in lower case, such as ``"statistics"``.
        basis: why it may be stored: ``exempt`` passes always, ``opt-in`` (the default) needs a
            grant, ``opt-out`` passes unless refused, ``forbidden`` never passes (R6).
        max_age: longest life of its cookies, in words or seconds.
        mode: ``strip``, ``block`` or ``report`` for this category alone (R7).
        gpc: whether Global Privacy Control and Do Not Track refuse it (R22).
        title: short name by language.
        description: explanation by language.

    What is left out is as the preset has it, where the preset has the category. Raises
    `PolicyError`.
    """

    id: str
    basis: Basis
    max_age: int | None
    mode: Mode | None
    gpc: bool
    title: Mapping[str, str] = field(hash=False)
    description: Mapping[str, str] = field(hash=False)
    _given: Mapping[str, Any] = field(init=False, repr=False, compare=False)

    def __init__(
        self,
        id: str,  # noqa: A002 - the policy file's word
        *,
        basis: Basis | None = None,
        max_age: int | str | None = None,
        mode: Mode | None = None,
        gpc: bool | None = None,
        title: Mapping[str, str] | None = None,
        description: Mapping[str, str] | None = None,
    ) -> None:
        if not _CATEGORY_ID.fullmatch(text(id, "id")) or id in _RESERVED_CATEGORY_IDS:
            raise PolicyError(
                f"{id!r} cannot name a category; use up to 32 of a-z, 0-9, '-' and '_', first a "
                f"letter, and none of {', '.join(_RESERVED_CATEGORY_IDS)}"
            )
        given = {
            "basis": basis,
            "max_age": max_age,
            "mode": mode,
            "gpc": gpc,
            "title": title,
            "description": description,
        }
        stated = {
            key: _CATEGORY_CHECKS[key](value, key)
            for key, value in given.items()
            if value is not None
        }
        frozen(self, id=id, _given=stated, **{**_CATEGORY_DEFAULTS, **stated})

    @property
    def decidable(self) -> bool:
        """Whether the visitor's choice changes anything."""
        return self.basis in ("opt-in", "opt-out")

    def over(self, base: Category | None) -> Category:
        """Return this category, with what it leaves out taken from ``base``."""
        if base is None:
            return self
        return Category(self.id, **overlay(base._given, self._given))  # noqa: SLF001 - its own class


_CATEGORY_CHECKS: Final[Mapping[str, Callable[[object, str], Any]]] = {
    "basis": lambda value, key: choice(value, Basis, key),
    "max_age": duration,
    "mode": lambda value, key: choice(value, Mode, key),
    "gpc": flag,
    "title": translations,
    "description": translations,
}
_CATEGORY_DEFAULTS: Final[Mapping[str, Any]] = {
    "basis": "opt-in",
    "max_age": None,
    "mode": None,
    "gpc": False,
    "title": ReadOnlyDict(),
    "description": ReadOnlyDict(),
}


@dataclass(frozen=True, init=False, slots=True)
class CookieRule:
    """One declared cookie.

    Args:
        name: exact name, ``prefix*``, or a glob of ``*`` and ``?``; names are case-sensitive.
        category: id of a category of the policy.
        max_age: longest life in words or seconds, counted from the first deposit; ``"session"``
            makes the cookie one that ends with the browser session (R14).
        vendor: who stores it.
        purpose: what for, by language.
        domain: the Domain it is set with, if any.
        path: the Path it is set with.
        partitioned: whether it is set with Partitioned.

    Raises `PolicyError`.
    """

    name: str
    category: str
    max_age: int | Literal["session"] | None
    vendor: str
    purpose: Mapping[str, str] = field(hash=False)
    domain: str | None
    path: str
    partitioned: bool

    def __init__(
        self,
        name: str,
        category: str,
        *,
        max_age: int | str | None = None,
        vendor: str = "",
        purpose: Mapping[str, str] | None = None,
        domain: str | None = None,
        path: str = "/",
        partitioned: bool = False,
    ) -> None:
        if not _PATTERN.fullmatch(text(name, "name")):
            raise PolicyError(
                f"{name!r} cannot name a cookie; use up to 256 visible ASCII characters, "
                "but no ';' or '='",
                key="name",
            )
        if not _PATH.fullmatch(text(path, "path")):
            raise PolicyError(
                f"{path!r} is not a path; begin it with '/', use visible ASCII and no ';'",
                key="path",
            )
        frozen(
            self,
            name=name,
            category=text(category, "category"),
            max_age=max_age if max_age in (None, "session") else duration(max_age, "max_age"),
            vendor=text(vendor, "vendor"),
            purpose=translations({} if purpose is None else purpose, "purpose"),
            domain=_domain(domain, "domain"),
            path=path,
            partitioned=flag(partitioned, "partitioned"),
        )


@dataclass(frozen=True, init=False, slots=True)
class Route:
    """A path that is declared free of cookies (R11).

    Args:
        path: exact path as the visitor sees it, or ``prefix*``.
        cookies: ``"none"``: nothing is stored there, whatever the consent.

    Raises `PolicyError`.
    """

    path: str
    cookies: Literal["none"]

    def __init__(self, path: str, cookies: Literal["none"] = "none") -> None:
        if not _ROUTE.fullmatch(text(path, "path")):
            raise PolicyError(
                f"{path!r} is not a path; begin it with '/', write it decoded and without a query, "
                "and use '*' at its end alone",
                key="path",
            )
        frozen(self, path=path, cookies=choice(cookies, Literal["none"], "cookies"))

    def covers(self, path: str) -> bool:
        """Whether ``path`` is this route's."""
        if self.path.endswith("*"):
            return path.startswith(self.path[:-1])
        return path == self.path


@dataclass(frozen=True, init=False)
class Policy:
    """What a site may store, and for how long.

    Args:
        version: any short text; a new one asks every visitor again.
        preset: name of the jurisdiction this policy builds on.
        frameworks: names of the framework presets whose cookies are exempt here.
        categories: the site's own categories, and its changes to those of the preset.
        cookies: the site's own rules; they beat those of the presets (R8).
        routes: paths that are declared free of cookies.
        mode: ``strip``, ``block`` or ``report`` (R7).
        unregistered: what happens to a cookie without a rule: ``strip``, ``allow``, ``report``
            or ``block`` (R6).
        consent_valid_for: life of a decision, in words or seconds (R21).
        ask_again_after: life of a decision that grants nothing; unless set, what the preset's law
            asks for, else ``consent_valid_for``.
        max_age: longest life of any cookie, in words or seconds (R12).
        expire_with_consent: whether cookies also end with the consent (R16).
        gpc: what Global Privacy Control does: ``ignore``, ``default`` or ``override`` (R22).
        dnt: what Do Not Track does, likewise.
        cookie_name: name of the consent cookie (CNIL, deliberation 2020-092, article 6).
        cookie_domain: its Domain; host-only unless set.
        path_prefix: where the visitor's pages are.
        texts: by language, texts of these pages that the site words itself, by name.

    What is left out is as the preset has it. Two policies are equal when they say the same,
    however they were made. Raises `PolicyError`.
    """

    version: str
    preset: str
    frameworks: tuple[str, ...]
    categories: Mapping[str, Category] = field(hash=False)
    cookies: tuple[CookieRule, ...]
    """The site's own rules, in its order."""
    preset_cookies: tuple[CookieRule, ...]
    """The rules of the frameworks, and those of the gate's own cookies (R10)."""
    routes: tuple[Route, ...]
    mode: Mode
    unregistered: Unregistered
    consent_valid_for: int
    ask_again_after: int
    max_age: int
    expire_with_consent: bool
    gpc: Signal
    dnt: Signal
    cookie_name: str
    cookie_domain: str | None
    path_prefix: str
    texts: Mapping[str, Mapping[str, str]] = field(hash=False)
    _own_categories: frozenset[str] = field(repr=False)
    _by_framework: Mapping[str, tuple[CookieRule, ...]] = field(repr=False, compare=False)
    _tiers: tuple[RuleIndex[CookieRule], ...] = field(repr=False, compare=False)

    def __init__(
        self,
        version: str,
        *,
        preset: str = "strict",
        frameworks: Iterable[str] = (),
        categories: Iterable[Category] = (),
        cookies: Iterable[CookieRule] = (),
        routes: Iterable[Route] = (),
        mode: Mode | None = None,
        unregistered: Unregistered | None = None,
        consent_valid_for: int | str | None = None,
        ask_again_after: int | str | None = None,
        max_age: int | str | None = None,
        expire_with_consent: bool | None = None,
        gpc: Signal | None = None,
        dnt: Signal | None = None,
        cookie_name: str = "eu-consent",
        cookie_domain: str | None = None,
        path_prefix: str = "/consent/",
        texts: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        own = {
            "mode": mode,
            "unregistered": unregistered,
            "consent_valid_for": consent_valid_for,
            "ask_again_after": ask_again_after,
            "max_age": max_age,
            "expire_with_consent": expire_with_consent,
            "gpc": gpc,
            "dnt": dnt,
        }
        base = _jurisdiction(preset)
        base.update({key: value for key, value in own.items() if value is not None})
        base.setdefault("ask_again_after", base["consent_valid_for"])
        own_categories = _instances(categories, Category, "categories")
        frozen(
            self,
            version=_version(version),
            preset=preset,
            categories=_categories(base["categories"], own_categories),
            _own_categories=frozenset(category.id for category in own_categories),
            cookies=_instances(cookies, CookieRule, "cookies"),
            routes=_instances(routes, Route, "routes"),
            mode=choice(base["mode"], Mode, "mode"),
            unregistered=choice(base["unregistered"], Unregistered, "unregistered"),
            consent_valid_for=duration(base["consent_valid_for"], "consent_valid_for"),
            ask_again_after=duration(base["ask_again_after"], "ask_again_after"),
            max_age=duration(base["max_age"], "max_age"),
            expire_with_consent=flag(base["expire_with_consent"], "expire_with_consent"),
            gpc=choice(base["gpc"], Signal, "gpc"),
            dnt=choice(base["dnt"], Signal, "dnt"),
            cookie_name=_cookie_name(cookie_name, cookie_domain),
            cookie_domain=_domain(cookie_domain, "cookie_domain"),
            path_prefix=_path_prefix(path_prefix),
            texts=texts_by_language({} if texts is None else texts, "texts"),
        )
        self._index(_by_framework(frameworks))

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], *, source: str = "") -> Policy:
        """Return the policy that ``mapping`` describes, in the shape of the policy file.

        ``source`` is named in errors. Raises `PolicyError` that names source, key and reason.
        """
        try:
            return cls(**_keywords(mapping))
        except PolicyError as error:
            raise error.inside(source) from None

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Policy:
        """Return the policy that the TOML file at ``path`` describes.

        Raises `PolicyError` that names file, key and reason.
        """
        return cls.from_mapping(read_policy_file(path), source=str(path))

    @classmethod
    def load(cls, source: PolicySource, *, folder: str = "") -> Policy:
        """Return the policy that ``source`` is, describes, or has in its file.

        A relative path starts at ``folder``. Raises `PolicyError`.
        """
        match source:
            case Policy():
                return source
            case Mapping():
                return cls.from_mapping(source)
            case str() | os.PathLike():
                return cls.from_file(Path(folder, source))
            case _:
                raise PolicyError(
                    f"{source!r} is no policy; give a Policy, a mapping in the shape of the policy "
                    "file, or that file's path"
                )

    def with_framework(self, framework: str, names: Mapping[str, str] | None = None) -> Policy:
        """Return this policy with the cookies of ``framework`` as exempt rules.

        ``names`` gives, for the default name of a cookie, the name that the framework's settings
        give it on this site. Raises `PolicyError`.
        """
        rules = _framework_rules(framework, "frameworks")
        policy = object.__new__(Policy)
        frozen(policy, **vars(self))
        policy._index({**self._by_framework, framework: _renamed(rules, names or {}, framework)})
        return policy

    @cached_property
    def decidable(self) -> tuple[str, ...]:
        """The ids of the categories that a visitor's choice changes, in their order."""
        return tuple(name for name, category in self.categories.items() if category.decidable)

    @cached_property
    def offered(self) -> tuple[str, ...]:
        """The ids of the decidable categories that this site uses, to ask visitors about.

        Those that it has a cookie in, or names itself; a preset has more than a site may need.
        """
        used = self._own_categories.union(rule.category for rule in self.cookies)
        return tuple(name for name in self.decidable if name in used)

    @property
    def deposits_cookie_name(self) -> str:
        """The name of the cookie that keeps the dates of first deposits (R13)."""
        return f"{self.cookie_name}-deposits"

    @property
    def deposits_max_age(self) -> int:
        """The life of that cookie in seconds: it has to outlive the cookies it dates."""
        return max(months(13), self.limit(None))

    @property
    def signal_cookie_name(self) -> str:
        """The name of the cookie that remembers a recorded privacy signal (R22)."""
        return f"{self.cookie_name}-signal"

    @cached_property
    def own_cookie_names(self) -> frozenset[str]:
        """The names of the gate's own cookies (R10)."""
        return frozenset(rule.name for rule in self._gate_rules())

    def effective(self, setting: Signal) -> Signal:
        """Return what a privacy signal does, or ``ignore`` where it changes nothing (R22).

        By default a signal refuses for who is undecided, and what is opt-in is refused for them
        anyway.
        """
        marked = {category.basis for category in self.categories.values() if category.gpc}
        changeable = {"opt-in", "opt-out"} if setting == "override" else {"opt-out"}
        return "ignore" if marked.isdisjoint(changeable) else setting

    def rule_for(self, name: str) -> CookieRule | None:
        """Return the rule that governs the cookie called ``name``, or None (R8)."""
        for tier in self._tiers:
            rule = tier.find(name)
            if rule is not None:
                return rule
        return None

    def limit(self, rule: CookieRule | None) -> int:
        """Return the longest life in seconds of a cookie under ``rule`` (R12)."""
        limits = [self.max_age, BROWSER_MAX_AGE]
        if rule is not None:
            limits.append(self.categories[rule.category].max_age or BROWSER_MAX_AGE)
            limits.append(rule.max_age if isinstance(rule.max_age, int) else BROWSER_MAX_AGE)
        return min(limits)

    def mode_for(self, category: str) -> Mode:
        """Return the mode that ``category`` is in (R7)."""
        return self.categories[category].mode or self.mode

    def _index(self, by_framework: Mapping[str, tuple[CookieRule, ...]]) -> None:
        """Build the lookup; the gate's own cookies come first, then the site's own rules (R8)."""
        gate_rules = self._gate_rules()
        # Flask and Starlette both have a `session`: one rule is enough.
        framework_rules = {rule.name: rule for rules in by_framework.values() for rule in rules}
        for position, rule in enumerate(self.cookies):
            _check_rule(rule, f"cookies[{position}]", self)
        for rule in gate_rules:
            if rule.name in framework_rules:
                raise PolicyError(
                    f"{rule.name!r} is a cookie of a framework here; rename one of the two",
                    key="cookie_name",
                )
        tiers = (gate_rules, self.cookies, framework_rules.values())
        frozen(
            self,
            frameworks=tuple(by_framework),
            preset_cookies=(*framework_rules.values(), *gate_rules),
            _by_framework=by_framework,
            _tiers=tuple(RuleIndex(rules) for rules in tiers),
        )

    def _gate_rules(self) -> list[CookieRule]:
        rules = [
            CookieRule(
                self.cookie_name,
                EXEMPT_CATEGORY,
                max_age=max(self.consent_valid_for, self.ask_again_after),
                purpose=_CONSENT_PURPOSE,
                domain=self.cookie_domain,
            ),
            CookieRule(
                self.deposits_cookie_name,
                EXEMPT_CATEGORY,
                max_age=self.deposits_max_age,
                purpose=_DEPOSITS_PURPOSE,
                domain=self.cookie_domain,
            ),
        ]
        if self.effective(self.gpc) != "ignore":
            rules.append(
                CookieRule(
                    self.signal_cookie_name,
                    EXEMPT_CATEGORY,
                    max_age=self.consent_valid_for,
                    purpose=_SIGNAL_PURPOSE,
                    domain=self.cookie_domain,
                )
            )
        return rules


def _check_rule(rule: CookieRule, key: str, policy: Policy) -> None:
    if rule.category not in policy.categories:
        known = ", ".join(policy.categories)
        raise PolicyError(
            f"{rule.category!r} is no category of this policy; use one of {known}, "
            f"or add [categories.{rule.category}]",
            key=f"{key}.category",
        )
    if rule.name in policy.own_cookie_names:
        raise PolicyError(
            f"{rule.name!r} is the gate's own cookie; rename one of the two", key=f"{key}.name"
        )


def _jurisdiction(name: object) -> dict[str, Any]:
    settings = _preset(name, "preset")
    if "mode" not in settings:
        raise PolicyError(f"{name!r} is a framework; name it in `frameworks`", key="preset")
    return dict(settings)


def _by_framework(names: object) -> dict[str, tuple[CookieRule, ...]]:
    return {
        cast("str", name): _framework_rules(name, f"frameworks[{position}]")
        for position, name in enumerate(_listed(names, "frameworks"))
    }


def _framework_rules(name: object, key: str) -> tuple[CookieRule, ...]:
    settings = _preset(name, key)
    if "cookies" not in settings:
        raise PolicyError(f"{name!r} is no framework; name it as `preset`", key=key)
    return tuple(CookieRule(**table) for table in settings["cookies"])


def _renamed(
    rules: Iterable[CookieRule], names: Mapping[str, str], framework: str
) -> tuple[CookieRule, ...]:
    by_name = {rule.name: rule for rule in rules}
    for name, new_name in names.items():
        if name not in by_name:
            known = ", ".join(by_name)
            raise PolicyError(f"{name!r} is no cookie of it; there are {known}", key=framework)
        try:
            by_name[name] = replace(by_name[name], name=new_name)
        except PolicyError as error:
            raise error.below(f"{framework}.{name}") from None
    return tuple(by_name.values())


def _preset(name: object, key: str) -> Mapping[str, Any]:
    known = text(name, key)
    try:
        return load_preset(known)
    except PolicyError as error:
        raise error.below(key) from None


def _categories(
    base: Mapping[str, Mapping[str, Any]], own: Iterable[Category]
) -> Mapping[str, Category]:
    categories = {name: Category(name, **table) for name, table in base.items()}
    given: set[str] = set()
    for position, category in enumerate(own):
        if category.id in given:
            raise PolicyError(
                f"{category.id!r} is there already; keep one of the two",
                key=f"categories[{position}]",
            )
        given.add(category.id)
        categories[category.id] = category.over(categories.get(category.id))
    if categories[EXEMPT_CATEGORY].basis != "exempt":
        raise PolicyError(
            "must stay exempt: the gate's own cookies are of it; use another category for what "
            "needs consent",
            key=f"categories.{EXEMPT_CATEGORY}.basis",
        )
    return ReadOnlyDict(categories)


def _version(value: object) -> str:
    version = text(value, "version")
    if not version.strip() or not version.isprintable() or len(version) > _LONGEST_VERSION:
        raise PolicyError(
            f"{version!r} is not a version; use 1 to {_LONGEST_VERSION} printable characters",
            key="version",
        )
    return version


def _listed(value: object, key: str) -> tuple[object, ...]:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise PolicyError(f"{value!r} is not a list; put it in brackets", key=key)
    return tuple(cast("Iterable[object]", value))


def _instances(values: object, kind: type[T], key: str) -> tuple[T, ...]:
    listed = _listed(values, key)
    for position, value in enumerate(listed):
        if not isinstance(value, kind):
            raise PolicyError(
                f"{value!r} is no {kind.__name__}; write {kind.__name__}(…)",
                key=f"{key}[{position}]",
            )
    return cast("tuple[T, ...]", listed)


def _domain(value: object, key: str) -> str | None:
    if value is None:
        return None
    if not _DOMAIN.fullmatch(text(value, key)):
        raise PolicyError(
            f"{value!r} is not a domain name of two labels or more, such as 'example.org'", key=key
        )
    return cast("str", value)


def _cookie_name(value: object, domain: object) -> str:
    name = text(value, "cookie_name")
    if not _COOKIE_NAME.fullmatch(name):
        raise PolicyError(
            f"{name!r} cannot name a cookie; use a token of up to 64 characters (RFC 9110 5.6.2) "
            "without '*'",
            key="cookie_name",
        )
    if name.lower().startswith(("__http-", "__host-http-")):
        raise PolicyError(
            f"{name!r} would have to be HttpOnly, and scripts read this cookie (R19); "
            "use `__Host-` or `__Secure-`",
            key="cookie_name",
        )
    if domain is not None and name.lower().startswith("__host-"):
        raise PolicyError(
            "cannot go with a `__Host-` cookie_name; browsers refuse that", key="cookie_domain"
        )
    return name


def _path_prefix(value: object) -> str:
    path = text(value, "path_prefix")
    if not _PATH_PREFIX.fullmatch(path):
        raise PolicyError(
            f"{path!r} is not a folder's path; write it like '/consent/'", key="path_prefix"
        )
    return path


# From the policy file's tables to the keywords of the classes above.


def _keywords(mapping: Mapping[str, Any]) -> dict[str, Any]:
    keywords = dict(_table(mapping, ""))
    _check_keys(keywords, Policy, "")
    if "version" not in keywords:
        raise PolicyError('is missing; write for example version = "2026-11"', key="version")
    if "categories" in keywords:
        tables = _table(keywords["categories"], "categories")
        keywords["categories"] = [
            _build(Category, table, f"categories.{name}", id=name) for name, table in tables.items()
        ]
    for key, kind in (("cookies", CookieRule), ("routes", Route)):
        if key in keywords:
            keywords[key] = [
                _build(kind, table, f"{key}[{position}]")
                for position, table in enumerate(_tables(keywords[key], key))
            ]
    return keywords


def _build(kind: Callable[..., T], value: object, key: str, **fixed: str) -> T:
    """Call ``kind`` with the table ``value`` for keywords; an error tells it lay at ``key``."""
    table = _table(value, key)
    _check_keys(table, kind, key, without=fixed)
    for parameter in inspect.signature(kind).parameters.values():
        if parameter.default is parameter.empty and parameter.name not in {**table, **fixed}:
            raise PolicyError("is missing", key=f"{key}.{parameter.name}")
    try:
        return kind(**fixed, **table)
    except PolicyError as error:
        raise error.below(key) from None


def _check_keys(
    table: Mapping[str, Any], kind: Callable[..., object], key: str, without: Iterable[str] = ()
) -> None:
    known = [name for name in inspect.signature(kind).parameters if name not in without]
    for name in table:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
            raise PolicyError(f"is no key here; {hint}", key=f"{key}.{name}" if key else str(name))


def _table(value: object, key: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        remedy = f"write [{key}]" if key else "give a mapping of keys to values"
        raise PolicyError(f"{value!r} is not a table; {remedy}", key=key)
    return cast("Mapping[str, Any]", value)


def _tables(value: object, key: str) -> list[object]:
    if not isinstance(value, list | tuple):
        raise PolicyError(f"{value!r} is not a list of tables; write [[{key}]]", key=key)
    return list(cast("Iterable[object]", value))
