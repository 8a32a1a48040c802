"""What a process that forks leaves its children: everything but its threads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def in_children(action: Callable[[], object]) -> None:
    """Do ``action`` in each process that forks from this one, before it does anything else."""
    # `dict` takes the keyword where no process can fork, as on Windows.
    register: Any = getattr(os, "register_at_fork", dict)
    register(after_in_child=action)
