"""What to install for a part of ConsentGate whose extra is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["remedy"]


def remedy(entry_point: EntryPoint) -> str:
    """Return the command that installs what ``entry_point`` needs; its extra bears its name."""
    package = entry_point.dist
    if package is None:
        return "install the package that it is in"
    extras = package.metadata.get_all("Provides-Extra") or ()
    wanted = f"{package.name}[{entry_point.name}]" if entry_point.name in extras else package.name
    return f"pip install '{wanted}'"
