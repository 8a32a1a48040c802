"""Policy files: TOML in, a policy or an error that names file, key and remedy out (DESIGN 5)."""

from __future__ import annotations

import tomllib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from policy_documents import MISTAKES, Mistake, documents, toml_document

from consentgate import Category, CookieRule, Policy, PolicyError, Route
from consentgate.policy_file import load_preset, overlay, preset_names, read_policy_file

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = """
version = "2026-11"          # a new version asks every visitor again
preset = "fr"                # opt-in, 6 months, 13 months, never extended
frameworks = ["django"]      # session, CSRF, language ... as exempt rules
unregistered = "strip"

[categories.statistics]
basis = "opt-in"
max_age = "13 months"
title = { en = "Audience measurement", fr = "Mesure d'audience" }

[[cookies]]
name = "_ga*"
category = "statistics"
max_age = "13 months"
vendor = "Google"
purpose = { en = "Tells returning browsers apart" }

[[routes]]
path = "/contact"
cookies = "none"
"""


def keywords(document: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of `Policy` for a document, as somebody would write them in Python."""
    tables = document.get("categories", {})
    return document | {
        "categories": [Category(id_, **table) for id_, table in tables.items()],
        "cookies": [CookieRule(**table) for table in document.get("cookies", [])],
        "routes": [Route(**table) for table in document.get("routes", [])],
    }


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    """Return where a test may write its policy file."""
    return tmp_path / "policy.toml"


def error_of(path: object) -> PolicyError:
    """Return the error that reading the policy file at ``path`` raises."""
    with pytest.raises(PolicyError) as caught:
        Policy.from_file(path)  # type: ignore[arg-type]
    return caught.value


class TestEqualWays:
    """File, mapping and keywords give equal policies."""

    def test_the_example_of_the_manual(self, policy_file: Path) -> None:
        """The documented file reads as what it says."""
        policy_file.write_text(EXAMPLE, encoding="utf-8")

        policy = Policy.from_file(policy_file)

        assert policy == Policy(
            "2026-11",
            preset="fr",
            frameworks=["django"],
            unregistered="strip",
            categories=[
                Category(
                    "statistics",
                    basis="opt-in",
                    max_age="13 months",
                    title={"en": "Audience measurement", "fr": "Mesure d'audience"},
                )
            ],
            cookies=[
                CookieRule(
                    "_ga*",
                    "statistics",
                    max_age="13 months",
                    vendor="Google",
                    purpose={"en": "Tells returning browsers apart"},
                )
            ],
            routes=[Route("/contact")],
        )

    @given(documents())
    def test_for_every_good_document(
        self, tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]
    ) -> None:
        """Whatever a good file says, the three ways agree on it, hash included."""
        path = tmp_path_factory.getbasetemp() / "drawn.toml"
        path.write_bytes(toml_document(document).encode())

        policies = [
            Policy.from_file(path),
            Policy.from_mapping(document),
            Policy(**keywords(document)),
        ]

        assert tomllib.loads(path.read_text(encoding="utf-8")) == document
        assert policies[0] == policies[1] == policies[2]
        assert len({hash(policy) for policy in policies}) == 1

    def test_any_mapping_and_tuples(self) -> None:
        """A mapping need not be a dict, nor a list of tables a list: settings modules vary."""
        mapping = MappingProxyType(
            {
                "version": "1",
                "categories": MappingProxyType(
                    {"chat": MappingProxyType({"title": MappingProxyType({"en": "Chat"})})}
                ),
                "cookies": (MappingProxyType({"name": "talk", "category": "chat"}),),
            }
        )

        policy = Policy.from_mapping(mapping)

        assert policy.categories["chat"] == Category("chat", title={"en": "Chat"})
        assert policy.cookies == (CookieRule("talk", "chat"),)

    def test_the_mapping_is_left_alone(self) -> None:
        """Neither does the policy change the mapping, nor the mapping, later, the policy."""
        title = {"en": "Chat"}
        mapping = {"version": "1", "categories": {"chat": {"title": title}}, "cookies": []}

        policy = Policy.from_mapping(mapping)
        title["en"] = "Changed"

        assert mapping == {
            "version": "1",
            "categories": {"chat": {"title": {"en": "Changed"}}},
            "cookies": [],
        }
        assert policy.categories["chat"].title == {"en": "Chat"}


class TestLoad:
    """`Policy.load`: whatever a framework's settings have."""

    def test_every_source(self, policy_file: Path) -> None:
        """A policy, a mapping and a path, whole or below a folder, give equal policies."""
        policy_file.write_text('version = "1"', encoding="utf-8")
        policy = Policy("1")

        assert Policy.load(policy) is policy
        assert Policy.load({"version": "1"}) == policy
        for source in (policy_file, str(policy_file)):
            assert Policy.load(source, folder="/elsewhere") == policy
        assert Policy.load(policy_file.name, folder=str(policy_file.parent)) == policy

    @pytest.mark.parametrize("source", [None, 5, b"policy.toml", ["policy.toml"]])
    def test_what_is_no_source(self, source: object) -> None:
        """The error says what there could be."""
        with pytest.raises(PolicyError, match="is no policy; give a Policy, a mapping"):
            Policy.load(source)  # type: ignore[arg-type]


class TestMistakes:
    """Each mistake names file, key and remedy."""

    @pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.lines)
    def test_in_a_file(self, policy_file: Path, mistake: Mistake) -> None:
        """The error holds the file, the key and the remedy, apart and in its text."""
        policy_file.write_text(mistake.text, encoding="utf-8")

        error = error_of(policy_file)

        assert (error.file, error.key) == (str(policy_file), mistake.key)
        assert mistake.remedy in error.reason
        assert str(error) == f"{policy_file}: {mistake.key}: {error.reason}"

    def test_in_a_mapping(self) -> None:
        """A mapping is named by its source, or not at all."""
        with pytest.raises(PolicyError, match=r"^settings\.CONSENTGATE: mode: "):
            Policy.from_mapping({"version": "1", "mode": ""}, source="settings.CONSENTGATE")
        with pytest.raises(PolicyError, match=r"^mode: "):
            Policy.from_mapping({"version": "1", "mode": ""})

    @pytest.mark.parametrize("value", [None, [], "version"])
    def test_no_mapping_at_all(self, value: object) -> None:
        """What is no mapping is told so, rather than that it has no version."""
        with pytest.raises(PolicyError, match="is not a table; give a mapping"):
            Policy.from_mapping(value)  # type: ignore[arg-type]

    def test_keys_that_are_no_text(self) -> None:
        """A key of a mapping may be anything; only text is a key here."""
        with pytest.raises(PolicyError, match=r"^5: is no key here"):
            Policy.from_mapping({"version": "1", 5: "five"})  # type: ignore[dict-item]
        with pytest.raises(PolicyError, match=r"^categories\.5\.id: 5 is not text"):
            Policy.from_mapping({"version": "1", "categories": {5: {}}})

    def test_where_it_is_no_toml(self, policy_file: Path) -> None:
        """A slip of syntax is told with its line."""
        policy_file.write_text('version = "1"\nmode = strip\n', encoding="utf-8")

        error = error_of(policy_file)

        assert error.file == str(policy_file)
        assert error.reason.startswith("is not TOML: ")
        assert "line 2" in error.reason

    def test_where_it_is_no_text(self, policy_file: Path) -> None:
        """A file in another encoding is told so."""
        policy_file.write_bytes('version = "été"'.encode("latin-1"))

        assert str(error_of(policy_file)) == f"{policy_file}: is not UTF-8 text"

    def test_where_a_number_is_endless(self, policy_file: Path) -> None:
        """A number that Python declines to read is an error of the file."""
        policy_file.write_text(f"max_age = {5000 * '9'}", encoding="utf-8")

        assert str(error_of(policy_file)).startswith(f"{policy_file}: cannot be read: ")

    def test_where_there_is_no_file(self, policy_file: Path) -> None:
        """A missing file, a folder, and a path that cannot be are told with their path."""
        assert str(error_of(policy_file)).startswith(f"{policy_file}: cannot be read: No such file")
        assert error_of(str(policy_file.parent)).file == str(policy_file.parent)
        assert error_of("policy\0.toml").reason.startswith("cannot be read: ")


class TestReadPolicyFile:
    """`read_policy_file`."""

    def test_byte_order_mark(self, policy_file: Path) -> None:
        """Editors on Windows may put one at the beginning; it means nothing."""
        policy_file.write_text('version = "été"\r\n', encoding="utf-8-sig", newline="")

        assert read_policy_file(policy_file) == {"version": "été"}


class TestOverlay:
    """`overlay` and `load_preset`: what is left out is as the base has it."""

    def test_table_by_table(self) -> None:
        """Tables merge at every depth, all else is replaced, and neither side changes."""
        base = {"a": {"b": {"c": 1, "d": 2}}, "e": [1], "f": {}}
        own = {"a": {"b": {"c": 3}}, "e": [2], "f": 4, "g": {"h": 5}}

        merged = overlay(base, own)

        assert merged == {"a": {"b": {"c": 3, "d": 2}}, "e": [2], "f": 4, "g": {"h": 5}}
        assert base == {"a": {"b": {"c": 1, "d": 2}}, "e": [1], "f": {}}

    def test_a_preset_builds_on_another(self) -> None:
        """A preset inherits, and the name of its base does not show."""
        settings = load_preset("fr")

        assert settings == load_preset("strict")
        assert "preset" not in settings

    def test_an_unknown_preset(self) -> None:
        """The error lists those that there are."""
        with pytest.raises(PolicyError, match="'de' is no preset; there are " + preset_names()[0]):
            load_preset("de")
