"""What a record says of a browser's privacy signal last, and the signed cookie that remembers it.

Without it a server could not tell a signal that comes from one that is sent with every request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from consentgate.signing import TokenSigner

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_TOKEN_LENGTH: Final = 256
"""Octets of the cookie's value; a longer one was not made here."""

_SALT: Final = b"consentgate.signal"
_SEPARATOR: Final = "&signature="
_WORDS: Final = {False: "false", True: "true"}


class SignalNote(NamedTuple):
    """What was noted of one browser."""

    subject: str
    """The random name under which its records are kept, until a decision has one."""
    gpc: bool
    """Whether the last record says that it sends Global Privacy Control."""


class SignalNoteSerializer:
    """Write notes as signed tokens that anybody can read, and read them back."""

    def __init__(self, secret_keys: Sequence[bytes]) -> None:
        self._signer = TokenSigner(secret_keys, salt=_SALT, separator=_SEPARATOR)

    def dumps(self, note: SignalNote) -> str:
        """Return the token of ``note``."""
        return self._signer.sign(f"id={note.subject}&gpc={_WORDS[note.gpc]}")

    def loads(self, token: str) -> SignalNote | None:
        """Return the note that ``token`` carries, or None if it is not one of ours."""
        payload = self._signer.unsign(token) if len(token) <= MAX_TOKEN_LENGTH else None
        if payload is None:
            return None
        subject, _, gpc = payload.removeprefix("id=").partition("&gpc=")
        return SignalNote(subject, gpc == _WORDS[True])
