"""Policy files for tests: good ones by strategy, and one of each mistake."""

from __future__ import annotations

import json
from datetime import date
from importlib import resources
from typing import Any, NamedTuple

from hypothesis import strategies as st

SCHEMA: dict[str, Any] = json.loads(
    (resources.files("consentgate") / "policy.schema.json").read_text(encoding="utf-8")
)
PRESET_CATEGORIES = ("necessary", "functional", "statistics", "advertising", "social")
VERSION = 'version = "1"\n'


def toml(value: object) -> str:
    """Return ``value`` as TOML writes it; tables are inline, which is as good."""
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{toml(str(key))} = {toml(below)}" for key, below in value.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False)  # texts, numbers and booleans are the same in both


def toml_document(document: dict[str, Any]) -> str:
    """Return the TOML file that says ``document``."""
    return "".join(f"{key} = {toml(value)}\n" for key, value in document.items())


# Good documents: what the schema's patterns allow, with the bonds between keys observed.


def _pattern(definition: dict[str, Any]) -> st.SearchStrategy[str]:
    # The alphabet keeps "$" from matching before a newline, which only Python's does.
    return st.from_regex(
        definition["pattern"], fullmatch=True, alphabet=st.characters(codec="ascii")
    )


_properties, _defs = SCHEMA["properties"], SCHEMA["$defs"]
_texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
_words = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from(["day", "hours", "month", "weeks"])),
    min_size=1,
    max_size=3,
).map(lambda parts: " ".join(f"{count} {unit}" for count, unit in parts))
durations = st.integers(1, 10**9) | _words
translations = st.dictionaries(st.sampled_from(["en", "fr", "pt-BR"]), _texts, max_size=2)
domains = _pattern(_defs["domain"])
_modes = st.sampled_from(_defs["mode"]["enum"])
_signals = st.sampled_from(_defs["signal"]["enum"])
_category_fields = {
    "max_age": durations,
    "mode": _modes,
    "gpc": st.booleans(),
    "title": translations,
    "description": translations,
}
_bases = st.sampled_from(_defs["category"]["properties"]["basis"]["enum"])
_optional = {
    "preset": st.sampled_from(_properties["preset"]["enum"]),
    "frameworks": st.lists(st.sampled_from(_properties["frameworks"]["items"]["enum"]), max_size=3),
    "mode": _modes,
    "unregistered": st.sampled_from(_properties["unregistered"]["enum"]),
    "consent_valid_for": durations,
    "ask_again_after": durations,
    "max_age": durations,
    "expire_with_consent": st.booleans(),
    "gpc": _signals,
    "dnt": _signals,
    "path_prefix": _pattern(_properties["path_prefix"]),
    "texts": st.dictionaries(
        st.sampled_from(["en", "fr-CA"]),
        st.dictionaries(st.sampled_from(["accept_all", "save"]), st.sampled_from(["Yes", "«»"])),
        max_size=2,
    ),
    "routes": st.lists(
        st.fixed_dictionaries(
            {"path": _pattern(_defs["route"]["properties"]["path"])},
            optional={"cookies": st.just("none")},
        ),
        max_size=2,
    ),
}


@st.composite
def _categories(draw: st.DrawFn) -> dict[str, Any]:
    ids = draw(st.lists(st.sampled_from([*PRESET_CATEGORIES, "chat", "a-b_0"]), unique=True))
    return {
        id_: draw(
            st.fixed_dictionaries(
                {}, optional=_category_fields | ({} if id_ == "necessary" else {"basis": _bases})
            )
        )
        for id_ in ids
    }


def _cookies(categories: list[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
    cookie = st.fixed_dictionaries(
        {
            "name": _pattern(_defs["cookie"]["properties"]["name"]),
            "category": st.sampled_from(categories),
        },
        optional={
            "max_age": durations | st.just("session"),
            "vendor": _texts,
            "purpose": translations,
            "domain": domains,
            "path": _pattern(_defs["cookie"]["properties"]["path"]),
            "partitioned": st.booleans(),
        },
    )
    return st.lists(cookie, max_size=3, unique_by=lambda table: str(table["name"]))


_consent_cookies = st.fixed_dictionaries(
    {"cookie_name": st.sampled_from(["consent", "__Secure-consent"])},
    optional={"cookie_domain": domains},
) | st.sampled_from([{}, {"cookie_name": "__Host-consent"}])


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what a policy file may say."""
    document: dict[str, Any] = {"version": draw(_pattern(_properties["version"]))}
    document |= draw(st.fixed_dictionaries({}, optional=_optional))
    document |= draw(_consent_cookies)
    if draw(st.booleans()):
        document["categories"] = draw(_categories())
    if draw(st.booleans()):
        known = {*PRESET_CATEGORIES, *document.get("categories", {})}
        document["cookies"] = draw(_cookies(sorted(known)))
    return document


# Mistakes.


class Mistake(NamedTuple):
    """A policy file with one mistake, the key that the error names, and words of the remedy."""

    lines: str
    key: str
    remedy: str
    schema_can_tell: bool = True

    @property
    def text(self) -> str:
        """The whole file; it has a version unless that is what the mistake is about."""
        return self.lines if "version" in self.lines else VERSION + self.lines


_DURATION = "write it like '13 months'"
_COOKIE = '[[cookies]]\nname = "a"\ncategory = "necessary"\n'
_BRACKETS = "put it in brackets"
_QUOTES = "put it in quotes"
_DOMAIN = "such as 'example.org'"

MISTAKES = [
    # Top level.
    Mistake("# version forgotten", "version", 'write for example version = "2026-11"'),
    Mistake("version = 3", "version", _QUOTES),
    Mistake("version = 2026-11-01", "version", _QUOTES),
    Mistake('version = ""', "version", "use 1 to 64 printable characters"),
    Mistake('version = "  "', "version", "use 1 to 64 printable characters"),
    Mistake('version = "a\\nb"', "version", "use 1 to 64 printable characters"),
    Mistake(f'version = "{65 * "v"}"', "version", "use 1 to 64 printable characters"),
    Mistake('max_gae = "1 day"', "max_gae", "did you mean 'max_age'?"),
    Mistake('colour = "blue"', "colour", "there are version, preset"),
    Mistake('preset = "atlantis"', "preset", "there are django, es, eu"),
    Mistake('preset = "../presets/fr"', "preset", "there are django, es, eu"),
    Mistake('preset = "django"', "preset", "name it in `frameworks`"),
    Mistake("preset = {}", "preset", _QUOTES),
    Mistake('frameworks = "django"', "frameworks", _BRACKETS),
    Mistake("frameworks = {}", "frameworks", _BRACKETS),
    Mistake("frameworks = 1", "frameworks", _BRACKETS),
    Mistake("frameworks = [1]", "frameworks[0]", _QUOTES),
    Mistake("frameworks = [[]]", "frameworks[0]", _QUOTES),
    Mistake('frameworks = ["django", "fr"]', "frameworks[1]", "name it as `preset`"),
    Mistake('frameworks = ["rails"]', "frameworks[0]", "there are django, es, eu"),
    Mistake('mode = "drop"', "mode", "none of 'strip', 'block', 'report'"),
    Mistake("mode = []", "mode", "none of 'strip', 'block', 'report'"),
    Mistake('unregistered = ""', "unregistered", "'strip', 'allow', 'report', 'block'"),
    Mistake("gpc = false", "gpc", "none of 'ignore', 'default', 'override'"),
    Mistake("dnt = 1", "dnt", "none of 'ignore', 'default', 'override'"),
    Mistake('expire_with_consent = "yes"', "expire_with_consent", "neither true nor false"),
    Mistake("expire_with_consent = 1", "expire_with_consent", "neither true nor false"),
    # Durations.
    Mistake('consent_valid_for = "half a year"', "consent_valid_for", _DURATION),
    Mistake('ask_again_after = ""', "ask_again_after", _DURATION),
    Mistake('max_age = "session"', "max_age", _DURATION),
    Mistake('max_age = "0 days"', "max_age", _DURATION),
    Mistake('max_age = "1 Month"', "max_age", _DURATION),
    Mistake("max_age = true", "max_age", _DURATION),
    Mistake("max_age = 0", "max_age", _DURATION),
    Mistake("max_age = -1", "max_age", _DURATION),
    Mistake("max_age = 1.5", "max_age", _DURATION),
    # For JSON Schema 1.0 is an integer.
    Mistake("max_age = 1.0", "max_age", _DURATION, schema_can_tell=False),
    Mistake("max_age = inf", "max_age", _DURATION),
    Mistake("max_age = nan", "max_age", _DURATION),
    Mistake("max_age = 2026-11-01", "max_age", _DURATION),
    Mistake("max_age = 12:30:00", "max_age", _DURATION),
    Mistake("max_age = {}", "max_age", _DURATION),
    Mistake(f"max_age = {10**30}", "max_age", "longer than 100 years"),
    Mistake('max_age = "101 years"', "max_age", "longer than 100 years", schema_can_tell=False),
    # The gate's own cookie and pages.
    Mistake('cookie_name = ""', "cookie_name", "use a token of up to 64 characters"),
    Mistake('cookie_name = "a b"', "cookie_name", "use a token of up to 64 characters"),
    Mistake('cookie_name = "*"', "cookie_name", "without '*'"),
    Mistake(f'cookie_name = "{65 * "n"}"', "cookie_name", "use a token of up to 64 characters"),
    Mistake("cookie_name = 1", "cookie_name", _QUOTES),
    Mistake('cookie_name = "__Http-c"', "cookie_name", "use `__Host-` or `__Secure-`"),
    Mistake('cookie_name = "__hOsT-hTtP-"', "cookie_name", "use `__Host-` or `__Secure-`"),
    Mistake('cookie_domain = "localhost"', "cookie_domain", _DOMAIN),
    Mistake('cookie_domain = "127.0.0.1"', "cookie_domain", _DOMAIN),
    Mistake('cookie_domain = "-a.example"', "cookie_domain", _DOMAIN),
    Mistake('cookie_domain = "https://example.org"', "cookie_domain", _DOMAIN),
    Mistake('cookie_domain = ""', "cookie_domain", _DOMAIN),
    Mistake(
        'cookie_name = "__Host-c"\ncookie_domain = "example.org"',
        "cookie_domain",
        "cannot go with a `__Host-` cookie_name",
    ),
    Mistake(
        'cookie_name = "session"\nframeworks = ["flask"]',
        "cookie_name",
        "rename one of the two",
        schema_can_tell=False,
    ),
    Mistake('path_prefix = "/"', "path_prefix", "write it like '/consent/'"),
    Mistake('path_prefix = "consent/"', "path_prefix", "write it like '/consent/'"),
    Mistake('path_prefix = "/consent"', "path_prefix", "write it like '/consent/'"),
    Mistake('path_prefix = "//elsewhere.example/"', "path_prefix", "write it like '/consent/'"),
    Mistake('path_prefix = "/a/../"', "path_prefix", "write it like '/consent/'"),
    Mistake('path_prefix = "/a?/"', "path_prefix", "write it like '/consent/'"),
    Mistake('path_prefix = "/\\r\\n/"', "path_prefix", "write it like '/consent/'"),
    # Texts.
    Mistake('texts = "Yes"', "texts", "write [texts.en]"),
    Mistake('[texts]\nen = "Yes"', "texts.en", "write [texts.en]"),
    Mistake("[texts.en]\naccept_all = 1", "texts.en.accept_all", _QUOTES),
    Mistake('[texts.e]\naccept_all = "Yes"', "texts", "(BCP 47)"),
    # Categories.
    Mistake("categories = []", "categories", "write [categories]"),
    Mistake("[[categories]]", "categories", "write [categories]"),
    Mistake('[categories]\nchat = "opt-in"', "categories.chat", "write [categories.chat]"),
    Mistake("[categories]\nchat = 2026-11-01", "categories.chat", "write [categories.chat]"),
    Mistake("[categories.Chat]", "categories.Chat", "use up to 32 of a-z"),
    Mistake("[categories.signature]", "categories.signature", "none of id, policy, signature"),
    Mistake('[categories.chat]\nid = "talk"', "categories.chat.id", "is no key here"),
    Mistake(
        '[categories.chat]\nbases = "opt-in"', "categories.chat.bases", "did you mean 'basis'?"
    ),
    Mistake(
        '[categories.chat]\nbasis = "opt"', "categories.chat.basis", "none of 'exempt', 'opt-in'"
    ),
    Mistake('[categories.chat]\nbasis = ""', "categories.chat.basis", "none of 'exempt', 'opt-in'"),
    Mistake(
        "[categories.chat]\nbasis = false", "categories.chat.basis", "none of 'exempt', 'opt-in'"
    ),
    Mistake("[categories.chat]\nmode = 0", "categories.chat.mode", "none of 'strip', 'block'"),
    Mistake("[categories.chat]\nmax_age = false", "categories.chat.max_age", _DURATION),
    Mistake("[categories.chat]\ngpc = 1", "categories.chat.gpc", "neither true nor false"),
    Mistake('[categories.chat]\ntitle = ""', "categories.chat.title", "write { en = '…' }"),
    Mistake("[categories.chat]\ntitle = []", "categories.chat.title", "write { en = '…' }"),
    Mistake("[categories.chat]\ntitle = { en = 1 }", "categories.chat.title.en", _QUOTES),
    Mistake(
        '[categories.chat]\ndescription = { en_GB = "" }',
        "categories.chat.description",
        "write 'en' or 'pt-BR'",
    ),
    Mistake('[categories.chat]\ntitle = { "" = "" }', "categories.chat.title", "write 'en' or"),
    Mistake(
        '[categories.necessary]\nbasis = "opt-in"',
        "categories.necessary.basis",
        "use another category for what needs consent",
    ),
    # Cookies.
    Mistake("cookies = {}", "cookies", "write [[cookies]]"),
    Mistake('cookies = "a"', "cookies", "write [[cookies]]"),
    Mistake("cookies = [1]", "cookies[0]", "write [cookies[0]]"),
    Mistake('[[cookies]]\ncategory = "necessary"', "cookies[0].name", "is missing"),
    Mistake('[[cookies]]\nname = "a"', "cookies[0].category", "is missing"),
    Mistake(_COOKIE + 'maxage = "1 day"', "cookies[0].maxage", "did you mean 'max_age'?"),
    Mistake(
        '[[cookies]]\nname = "a"\ncategory = "chat"',
        "cookies[0].category",
        "use one of necessary, functional, statistics, advertising, social, or add",
        schema_can_tell=False,
    ),
    Mistake(_COOKIE + _COOKIE, "cookies[1].name", "keep one of the two", schema_can_tell=False),
    Mistake(
        _COOKIE.replace('"a"', '"a*"') * 2,
        "cookies[1].name",
        "keep one of the two",
        schema_can_tell=False,
    ),
    Mistake(
        _COOKIE.replace('"a"', '"eu-consent"'),
        "cookies[0].name",
        "rename one of the two",
        schema_can_tell=False,
    ),
    Mistake(_COOKIE.replace('"a"', '""'), "cookies[0].name", "visible ASCII"),
    Mistake(_COOKIE.replace('"a"', '"a b"'), "cookies[0].name", "visible ASCII"),
    Mistake(_COOKIE.replace('"a"', '"a=b"'), "cookies[0].name", "no ';' or '='"),
    Mistake(_COOKIE.replace('"a"', '"é"'), "cookies[0].name", "visible ASCII"),
    Mistake(_COOKIE.replace('"a"', f'"{257 * "n"}"'), "cookies[0].name", "up to 256"),
    Mistake(_COOKIE.replace('"a"', '["a"]'), "cookies[0].name", _QUOTES),
    Mistake('[[cookies]]\nname = "a"\ncategory = 1', "cookies[0].category", _QUOTES),
    Mistake(_COOKIE + "max_age = 0", "cookies[0].max_age", _DURATION),
    Mistake(_COOKIE + "max_age = []", "cookies[0].max_age", _DURATION),
    Mistake(_COOKIE + 'max_age = "Session"', "cookies[0].max_age", _DURATION),
    Mistake(_COOKIE + "vendor = false", "cookies[0].vendor", _QUOTES),
    Mistake(_COOKIE + 'purpose = ""', "cookies[0].purpose", "write { en = '…' }"),
    Mistake(_COOKIE + "purpose = { en = {} }", "cookies[0].purpose.en", _QUOTES),
    Mistake(_COOKIE + 'domain = "10.0.0.1"', "cookies[0].domain", _DOMAIN),
    Mistake(_COOKIE + 'path = "shop"', "cookies[0].path", "begin it with '/'"),
    Mistake(_COOKIE + 'path = "/\\r\\nX: y"', "cookies[0].path", "visible ASCII and no ';'"),
    Mistake(_COOKIE + 'path = "/;Domain=x"', "cookies[0].path", "visible ASCII and no ';'"),
    Mistake(_COOKIE + "partitioned = 1", "cookies[0].partitioned", "neither true nor false"),
    # Routes.
    Mistake('routes = ["/contact"]', "routes[0]", "write [routes[0]]"),
    Mistake("[routes]", "routes", "write [[routes]]"),
    Mistake('[[routes]]\ncookies = "none"', "routes[0].path", "is missing"),
    Mistake('[[routes]]\npath = "contact"', "routes[0].path", "begin it with '/'"),
    Mistake('[[routes]]\npath = "/a*b"', "routes[0].path", "use '*' at its end alone"),
    Mistake('[[routes]]\npath = "/a?x=1"', "routes[0].path", "without a query"),
    Mistake('[[routes]]\npath = "/caf%C3%A9"', "routes[0].path", "write it decoded"),
    Mistake('[[routes]]\npath = "/a"\ncookies = "some"', "routes[0].cookies", "none of 'none'"),
    Mistake('[[routes]]\npath = "/a"\ncookies = false', "routes[0].cookies", "none of 'none'"),
]
