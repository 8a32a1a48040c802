"""TOML to the mapping a policy is made of, and the presets that such mappings build on."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from consentgate.exceptions import PolicyError

if TYPE_CHECKING:
    import os

Table: TypeAlias = Mapping[str, Any]

_PRESETS = resources.files("consentgate") / "presets"


def read_policy_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what the TOML file at ``path`` says.

    Raises `PolicyError` that names the file where it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        reason = "is not UTF-8 text"
    except tomllib.TOMLDecodeError as error:
        reason = f"is not TOML: {error}"
    except ValueError as error:  # a path with a NUL, a number of thousands of digits
        reason = f"cannot be read: {error}"
    raise PolicyError(reason, file=str(path)) from None


def preset_names() -> list[str]:
    """Return the names of all presets, jurisdictions and frameworks alike."""
    return sorted(file.name.removesuffix(".toml") for file in _PRESETS.iterdir())


@cache
def load_preset(name: str) -> Table:
    """Return the settings of a preset, laid over those of the preset it names itself.

    Raises `PolicyError` for a name that no preset has.
    """
    if name not in preset_names():
        raise PolicyError(f"{name!r} is no preset; there are {', '.join(preset_names())}")
    own = tomllib.loads((_PRESETS / f"{name}.toml").read_text(encoding="utf-8"))
    base = own.pop("preset", None)
    return overlay(load_preset(base), own) if base else own


def overlay(base: Table, own: Table) -> dict[str, Any]:
    """Return ``base`` with the values of ``own`` laid over it, table by table."""
    merged = dict(base)
    for key, value in own.items():
        below = merged.get(key)
        both_tables = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = overlay(cast("Table", below), cast("Table", value)) if both_tables else value
    return merged
