"""What a site may store: its categories, its cookies, their longest life."""

from __future__ import annotations

import difflib
import inspect
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, cast

from consentgate.duration import DAY
from consentgate.exceptions import PolicyError
from consentgate.policy_file import load_preset, overlay, read_policy_file
from consentgate.rule_index import RuleIndex
from consentgate.values import choice, duration, flag, frozen, text, translations

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping

Basis = Literal["exempt", "opt-in", "opt-out", "forbidden"]
Mode = Literal["strip", "block", "report"]
Unregistered = Literal["strip", "allow", "report", "block"]
Signal = Literal["ignore", "default", "override"]
T = TypeVar("T")

BROWSER_MAX_AGE: Final = 400 * DAY
"""Seconds; no browser keeps a cookie longer (RFC 6265bis 5.5)."""

EXEMPT_CATEGORY: Final = "necessary"
"""The category of the gate's own cookies."""

_CATEGORY_ID = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_RESERVED_CATEGORY_IDS: Final = ("id", "policy", "signature", "time")
_COOKIE_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}")
_NOT_IN_A_NAME = re.compile(r"[\x00-\x20;=\x7f]")
_DOMAIN = re.compile(r"\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_LONGEST_VERSION: Final = 64


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
    _given: Mapping[str, Any] = field(repr=False, compare=False)

    def __init__(
        self,
        id: str,  # noqa: A002
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
        given: dict[str, Any] = {
            "basis": basis and choice(basis, Basis, "basis"),
            "max_age": None if max_age is None else duration(max_age, "max_age"),
            "mode": mode and choice(mode, Mode, "mode"),
            "gpc": None if gpc is None else flag(gpc, "gpc"),
            "title": title and translations(title, "title"),
            "description": description and translations(description, "description"),
        }
        defaults = {"basis": "opt-in", "gpc": False, "title": {}, "description": {}}
        stated = {key: value for key, value in given.items() if value is not None}
        frozen(self, id=id, _given=stated, **{**given, **defaults, **stated})

    @property
    def decidable(self) -> bool:
        """Whether the visitor's choice changes anything."""
        return self.basis in ("opt-in", "opt-out")

    def over(self, base: Category | None) -> Category:
        """Return this category, with what it leaves out taken from ``base``."""
        if base is None:
            return self
        return Category(self.id, **overlay(base._given, self._given))  # noqa: SLF001


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
        if not text(name, "name") or _NOT_IN_A_NAME.search(name):
            raise PolicyError(
                f"{name!r} cannot name a cookie; blanks, ';' and '=' are not allowed", key="name"
            )
        if not text(path, "path").startswith("/") or ";" in path:
            raise PolicyError(f"{path!r} is not a path; it begins with '/'", key="path")
        frozen(
            self,
            name=name,
            category=text(category, "category"),
            max_age=max_age if max_age in (None, "session") else duration(max_age, "max_age"),
            vendor=text(vendor, "vendor"),
            purpose=translations(purpose or {}, "purpose"),
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
        if not text(path, "path").startswith("/"):
            raise PolicyError(f"{path!r} is not a path; it begins with '/'", key="path")
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
        ask_again_after: life of a decision that grants nothing; unless set, ``consent_valid_for``.
        max_age: longest life of any cookie, in words or seconds (R12).
        expire_with_consent: whether cookies also end with the consent (R16).
        gpc: what Global Privacy Control does: ``ignore``, ``default`` or ``override`` (R22).
        dnt: what Do Not Track does, likewise.
        cookie_name: name of the consent cookie (CNIL, deliberation 2020-092, article 6).
        cookie_domain: its Domain; host-only unless set.
        path_prefix: where the visitor's pages are.

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
    ) -> None:
        own = {
            "mode": mode,
            "unregistered": unregistered,
            "consent_valid_for": consent_valid_for,
            "ask_again_after": consent_valid_for if ask_again_after is None else ask_again_after,
            "max_age": max_age,
            "expire_with_consent": expire_with_consent,
            "gpc": gpc,
            "dnt": dnt,
        }
        base = _jurisdiction(preset)
        base.update({key: value for key, value in own.items() if value is not None})
        frozen(
            self,
            version=_version(version),
            preset=preset,
            frameworks=_names(frameworks, "frameworks"),
            categories=_categories(base["categories"], categories),
            cookies=tuple(cookies),
            routes=tuple(routes),
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
        )
        self._index(_framework_rules(self.frameworks))

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

    def with_framework(self, framework: str, names: Mapping[str, str] | None = None) -> Policy:
        """Return this policy with the cookies of ``framework`` as exempt rules.

        ``names`` gives, for the default name of a cookie, the name that the framework's settings
        give it on this site.
        """
        renamed = names or {}
        rules = _framework_rules([framework])
        defaults = {rule.name for rule in rules}
        policy = object.__new__(Policy)
        frozen(policy, **vars(self))
        frozen(policy, frameworks=tuple(dict.fromkeys((*self.frameworks, framework))))
        others = [rule for rule in self.preset_cookies if rule.name not in defaults]
        policy._index(
            [*others, *(replace(rule, name=renamed.get(rule.name, rule.name)) for rule in rules)]
        )
        return policy

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

    def _index(self, framework_rules: Iterable[CookieRule]) -> None:
        """Build the lookup; the site's own rules come first (R8)."""
        reserved = CookieRule(
            self.cookie_name,
            EXEMPT_CATEGORY,
            max_age=max(self.consent_valid_for, self.ask_again_after),
            purpose={"en": "Remembers your choice about cookies", "fr": "Retient votre choix"},
            domain=self.cookie_domain,
        )
        by_name = {rule.name: rule for rule in (*framework_rules, reserved)}
        frozen(self, preset_cookies=tuple(by_name.values()))
        for position, rule in enumerate(self.cookies):
            _check_rule(rule, f"cookies[{position}]", self)
        frozen(self, _tiers=(RuleIndex(self.cookies), RuleIndex(self.preset_cookies)))


def _check_rule(rule: CookieRule, key: str, policy: Policy) -> None:
    if rule.category not in policy.categories:
        known = ", ".join(policy.categories)
        raise PolicyError(
            f"{rule.category!r} is no category of this policy; use one of {known}, "
            f"or add [categories.{rule.category}]",
            key=f"{key}.category",
        )
    if rule.name == policy.cookie_name:
        raise PolicyError(
            f"{rule.name!r} is the gate's own cookie; rename one of the two", key=f"{key}.name"
        )


def _jurisdiction(name: object) -> dict[str, Any]:
    settings = _preset(text(name, "preset"), "preset")
    if "mode" not in settings:
        raise PolicyError(f"{name!r} is a framework; name it in `frameworks`", key="preset")
    return dict(settings)


def _framework_rules(names: Iterable[str]) -> list[CookieRule]:
    rules: list[CookieRule] = []
    for position, name in enumerate(names):
        settings = _preset(name, f"frameworks[{position}]")
        if "cookies" not in settings:
            raise PolicyError(
                f"{name!r} is no framework; name it as `preset`", key=f"frameworks[{position}]"
            )
        rules.extend(CookieRule(**table) for table in settings["cookies"])
    return rules


def _preset(name: str, key: str) -> Mapping[str, Any]:
    try:
        return load_preset(name)
    except PolicyError as error:
        raise error.below(key) from None


def _categories(
    base: Mapping[str, Mapping[str, Any]], own: Iterable[Category]
) -> dict[str, Category]:
    categories = {name: Category(name, **table) for name, table in base.items()}
    for category in own:
        categories[category.id] = category.over(categories.get(category.id))
    if categories[EXEMPT_CATEGORY].basis != "exempt":
        raise PolicyError(
            "must stay exempt: the gate's own cookies are of it; use another category for what "
            "needs consent",
            key=f"categories.{EXEMPT_CATEGORY}.basis",
        )
    return categories


def _version(value: object) -> str:
    version = text(value, "version")
    if not version or len(version) > _LONGEST_VERSION:
        raise PolicyError(f"is not 1 to {_LONGEST_VERSION} characters long", key="version")
    return version


def _names(value: object, key: str) -> tuple[str, ...]:
    if isinstance(value, str):
        raise PolicyError(f"{value!r} is not a list; write [{value!r}]", key=key)
    return tuple(text(name, key) for name in cast("Iterable[object]", value))


def _domain(value: object, key: str) -> str | None:
    if value is None:
        return None
    if not _DOMAIN.fullmatch(text(value, key)):
        raise PolicyError(f"{value!r} is not a domain of two labels or more", key=key)
    return cast("str", value)


def _cookie_name(value: object, domain: object) -> str:
    name = text(value, "cookie_name")
    if not _COOKIE_NAME.fullmatch(name):
        raise PolicyError(
            f"{name!r} is not a token of up to 64 characters (RFC 9110 5.6.2)", key="cookie_name"
        )
    if domain is not None and name.lower().startswith("__host-"):
        raise PolicyError(
            "cannot go with a `__Host-` cookie_name; browsers refuse that", key="cookie_domain"
        )
    return name


def _path_prefix(value: object) -> str:
    path = text(value, "path_prefix")
    if not (path.startswith("/") and path.endswith("/")) or path == "/":
        raise PolicyError(f"{path!r} does not begin and end with '/'", key="path_prefix")
    return path


# From the policy file's tables to the keywords of the classes above.


def _keywords(mapping: Mapping[str, Any]) -> dict[str, Any]:
    _check_keys(mapping, Policy, "")
    keywords = dict(mapping)
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
            raise PolicyError(f"is no key here; {hint}", key=f"{key}.{name}" if key else name)


def _table(value: object, key: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise PolicyError(f"{value!r} is not a table; write [{key}]", key=key)
    return cast("Mapping[str, Any]", value)


def _tables(value: object, key: str) -> list[object]:
    if not isinstance(value, list):
        raise PolicyError(f"{value!r} is not a list of tables; write [[{key}]]", key=key)
    return cast("list[object]", value)
