"""No proof of consent is kept of what a check decides, for no visitor has."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from consentgate.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def unrecorded() -> Generator[None]:
    """Let every gate of this process take its decisions without asking its record store.

    Else a check would leave signed records of visitors who never were (R27), or 503 where the
    store is not there. Who listens to verdicts still hears them.
    """
    before = {name: getattr(Recorder, name) for name in _INSTEAD}
    _put(_INSTEAD)
    try:
        yield
    finally:
        _put(before)


def _kept(*_: Any) -> bool:
    return True


_INSTEAD: Final = {"keep_decision": _kept, "keep_signal": _kept}


def _put(methods: dict[str, Any]) -> None:
    for name, method in methods.items():
        setattr(Recorder, name, method)
