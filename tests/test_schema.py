"""The JSON Schema for editors says what the parser does (DESIGN 5)."""

from __future__ import annotations

import inspect
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from policy_documents import MISTAKES, SCHEMA, Mistake, documents, toml_document

from consentgate import Category, CookieRule, Policy, PolicyError, Route
from consentgate.policy import Basis, Mode, Signal, Unregistered
from consentgate.policy_file import load_preset, preset_names

if TYPE_CHECKING:
    from collections.abc import Callable

DEFINITIONS = SCHEMA["$defs"]
POLICY_FILE = Draft202012Validator(SCHEMA)
TABLES: list[tuple[Callable[..., object], dict[str, Any], set[str]]] = [
    (Policy, SCHEMA, set()),
    (Category, DEFINITIONS["category"], {"id"}),  # the id is the table's own key
    (CookieRule, DEFINITIONS["cookie"], set()),
    (Route, DEFINITIONS["route"], set()),
]


def preset_validator() -> Draft202012Validator:
    """Return the validator of preset files."""
    return Draft202012Validator(
        {"$ref": "#/$defs/preset", "$defs": DEFINITIONS, "properties": SCHEMA["properties"]}
    )


def parser_accepts(document: dict[str, Any]) -> bool:
    """Whether the parser takes ``document`` for a policy."""
    try:
        Policy.from_mapping(document)
    except PolicyError:
        return False
    return True


def agree(document: dict[str, Any]) -> bool:
    """Whether parser and schema say the same about ``document``."""
    return parser_accepts(document) == POLICY_FILE.is_valid(document)


def test_the_schema_is_one() -> None:
    """It is valid JSON Schema of the draft that it names."""
    Draft202012Validator.check_schema(SCHEMA)

    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


class TestKeys:
    """Each table of the parser is a table of the schema."""

    @pytest.mark.parametrize(("kind", "table", "elsewhere"), TABLES)
    def test_same_keys(
        self, kind: Callable[..., object], table: dict[str, Any], elsewhere: set[str]
    ) -> None:
        """The schema has every key of the parser and no other, in the same order."""
        keys = [key for key in inspect.signature(kind).parameters if key not in elsewhere]

        assert list(table["properties"]) == keys
        assert table["additionalProperties"] is False

    @pytest.mark.parametrize(("kind", "table", "elsewhere"), TABLES)
    def test_same_required_keys(
        self, kind: Callable[..., object], table: dict[str, Any], elsewhere: set[str]
    ) -> None:
        """The schema requires what has no default."""
        parameters = inspect.signature(kind).parameters.values()
        required = {key.name for key in parameters if key.default is key.empty} - elsewhere

        assert set(table.get("required", ())) == required

    @pytest.mark.parametrize(("kind", "table", "elsewhere"), TABLES)
    def test_every_key_is_described(
        self, kind: Callable[..., object], table: dict[str, Any], elsewhere: set[str]
    ) -> None:
        """An editor has something to show for every key."""
        del kind, elsewhere

        assert all(definition["description"] for definition in table["properties"].values())

    @pytest.mark.parametrize(
        ("table", "without", "stated"),
        [
            (
                SCHEMA,
                Policy("1"),
                lambda defaults: Policy.from_mapping({"version": "1"} | defaults),
            ),
            (
                DEFINITIONS["category"],
                Category("chat"),
                lambda defaults: Category("chat", **defaults),
            ),
            (
                DEFINITIONS["cookie"],
                CookieRule("a", "chat"),
                lambda defaults: CookieRule("a", "chat", **defaults),
            ),
            (DEFINITIONS["route"], Route("/"), lambda defaults: Route("/", **defaults)),
        ],
    )
    def test_defaults_are_those_of_the_parser(
        self, table: dict[str, Any], without: object, stated: Callable[[dict[str, Any]], object]
    ) -> None:
        """To write every default out changes nothing."""
        keys = table["properties"].items()
        defaults = {key: value["default"] for key, value in keys if "default" in value}

        assert defaults
        assert stated(defaults) == without

    @pytest.mark.parametrize(
        ("values", "kind"),
        [
            (DEFINITIONS["mode"], Mode),
            (DEFINITIONS["signal"], Signal),
            (SCHEMA["properties"]["unregistered"], Unregistered),
            (DEFINITIONS["category"]["properties"]["basis"], Basis),
        ],
    )
    def test_same_choices(self, values: dict[str, Any], kind: object) -> None:
        """The schema's choices are those of the types."""
        assert values["enum"] == list(get_args(kind))

    def test_R21_what_is_said_of_ask_again_after(self) -> None:
        """The description names the presets whose law sets it, with the time that it sets."""
        set_by_law = [name for name in preset_names() if "ask_again_after" in load_preset(name)]
        asked = SCHEMA["properties"]["ask_again_after"]

        assert set_by_law == ["it", "us-ca", "us-other"]
        assert "(`it`: 6 months, `us-ca` and `us-other`: 12 months)" in asked["description"]
        assert "default" not in asked

    def test_same_presets(self) -> None:
        """The schema names every jurisdiction and every framework that ships."""
        jurisdictions = [name for name in preset_names() if "mode" in load_preset(name)]
        frameworks = [name for name in preset_names() if "cookies" in load_preset(name)]

        assert SCHEMA["properties"]["preset"]["enum"] == jurisdictions
        assert SCHEMA["properties"]["frameworks"]["items"]["enum"] == frameworks
        assert sorted(jurisdictions + frameworks) == preset_names()


class TestVerdicts:
    """Schema and parser say yes and no to the same files."""

    @given(documents())
    def test_good_files(self, document: dict[str, Any]) -> None:
        """A good file passes both, as it is read from TOML."""
        read = tomllib.loads(toml_document(document))

        POLICY_FILE.validate(read)
        Policy.from_mapping(read)

    @pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.lines)
    def test_mistakes(self, mistake: Mistake) -> None:
        """A mistake fails both, but for those that a schema has no words for."""
        document = tomllib.loads(mistake.text)

        assert not parser_accepts(document)
        assert POLICY_FILE.is_valid(document) is not mistake.schema_can_tell

    @pytest.mark.parametrize("name", preset_names())
    def test_preset_files(self, name: str) -> None:
        """The presets that ship are what the schema says of presets."""
        file = resources.files("consentgate") / "presets" / f"{name}.toml"

        preset_validator().validate(tomllib.loads(file.read_text(encoding="utf-8")))

    @pytest.mark.parametrize(
        "document",
        [
            {},
            {"mode": "strip"},
            {"cookies": []},
            {"preset": "fr", "version": "1"},
            {"preset": "fr", "cookies": [{"name": "a", "category": "necessary"}]},
        ],
    )
    def test_what_is_no_preset(self, document: dict[str, Any]) -> None:
        """A preset is complete or builds on another; it has no version, and not both roles."""
        assert not preset_validator().is_valid(document)


# Characters at the edges of what names, paths and domains may hold.
EDGES = 'aZ09_.-*?;=/%2F#:, "\\\x00\x1f\x7fé€'


def edgy(first: str = "") -> st.SearchStrategy[str]:
    """Return texts of such characters, some of them beginning with ``first``."""
    texts = st.text(EDGES, max_size=8)
    return texts | texts.map(first.__add__) if first else texts


class TestTextsAtTheEdge:
    """The patterns of the schema are the checks of the parser, for good and bad texts alike."""

    @given(edgy())
    @example("a*?")
    @example(256 * "n")
    @example(257 * "n")
    def test_cookie_rule_name(self, text: str) -> None:
        """Names of rules."""
        assert agree({"version": "1", "cookies": [{"name": text, "category": "necessary"}]})

    @given(edgy("/"))
    def test_cookie_path(self, text: str) -> None:
        """Paths of cookies."""
        cookie = {"name": "a", "category": "necessary", "path": text}

        assert agree({"version": "1", "cookies": [cookie]})

    @given(
        st.lists(st.sampled_from(["a", "0", "-", ".", "_", "é", "com"]), max_size=6).map("".join)
    )
    @example("a.b\u212a")  # KELVIN SIGN, which matches `k` where case is ignored
    def test_domains(self, text: str) -> None:
        """Domains."""
        assert agree({"version": "1", "cookie_domain": text})

    @given(edgy("/"))
    @example("/%41")
    @example("/%4")
    def test_route_path(self, text: str) -> None:
        """Paths of routes."""
        assert agree({"version": "1", "routes": [{"path": text}]})

    @given(st.text(EDGES + "!^`|~+$&'", max_size=6))
    @example(64 * "n")
    @example(65 * "n")
    @example("__HTTP-c")
    @example("__host-Http-c")
    @example("__Http")
    @example("x__Http-")
    @example("__Host-Http")
    @example("__Secure-Http-")
    def test_consent_cookie_name(self, text: str) -> None:
        """Names of the consent cookie."""
        assert agree({"version": "1", "cookie_name": text})

    @given(st.lists(st.sampled_from(["/", "a", ".", "..", "-", "?", "%", " "])).map("".join))
    def test_path_prefix(self, text: str) -> None:
        """Where the pages are."""
        assert agree({"version": "1", "path_prefix": text})

    @given(edgy())
    @example("   ")
    @example(64 * "é")
    @example(65 * "é")
    def test_version(self, text: str) -> None:
        """Versions."""
        assert agree({"version": text})

    @given(st.text("az09_-é", max_size=4) | st.sampled_from(["id", "time", 32 * "c", 33 * "c"]))
    def test_category_id(self, text: str) -> None:
        """Ids of categories."""
        assert agree({"version": "1", "categories": {text: {}}})

    @given(st.text("aZ0-_é", max_size=12))
    def test_language_tags(self, text: str) -> None:
        """Language tags."""
        assert agree({"version": "1", "categories": {"chat": {"title": {text: ""}}}})

    @given(
        st.lists(
            st.sampled_from(
                [
                    "0",
                    "1",
                    "9" * 9,
                    "9" * 10,
                    "-1",
                    " ",
                    ", ",
                    ",",
                    " and ",
                    "day",
                    "days",
                    "hour",
                    "month",
                    "year",
                    "s",
                    "Day",
                    "fortnight",
                    "\u0661",
                    "\xa0",
                ]
            ),
            max_size=8,
        ).map("".join)
    )
    @example("1 day and 2 hours")
    @example("0 days 1 hour")
    @example("1 day,2 hours")
    @example("1 day and ")
    def test_durations(self, text: str) -> None:
        """Durations, but for the longest: a schema does not add up."""
        document = {"version": "1", "max_age": text}
        try:
            Policy.from_mapping(document)
        except PolicyError as error:
            assume("longer than" not in error.reason)

        assert agree(document)
