"""Text that only the site can write: the keys, and the signature under its cookies."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from itsdangerous import Signer
from itsdangerous.signer import SigningAlgorithm

from consentgate.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence


def secret_key_list(secret_keys: str | bytes | Sequence[str | bytes]) -> list[bytes]:
    """Return the keys as a list, newest first; raise `ConfigurationError` for none or an empty."""
    keys = [secret_keys] if isinstance(secret_keys, (str, bytes)) else list(secret_keys)
    if not keys or not all(keys):
        raise ConfigurationError(
            "secret_keys: at least one key is needed, and none may be empty; "
            "make one with `python -c 'import secrets; print(secrets.token_hex())'`"
        )
    return [key.encode() if isinstance(key, str) else key for key in keys]


class TokenSigner:
    """Sign text with HMAC-SHA256; the newest key signs, all verify (R19).

    ``salt`` keeps one kind of token from being taken for another.
    """

    def __init__(self, secret_keys: Sequence[bytes], *, salt: bytes, separator: str) -> None:
        self._separator = separator
        # The keys are derived once here, not once for each token.
        self._signers = [
            _signer(_signer(key, salt, separator, "hmac").derive_key(), salt, separator, "none")
            for key in secret_keys
        ]

    def sign(self, payload: str) -> str:
        """Return the token of ``payload``."""
        return self._signers[0].sign(payload).decode("ascii")

    def signature(self, payload: str) -> str:
        """Return the signature alone, to be kept beside ``payload``."""
        return self._signers[0].get_signature(payload).decode("ascii")

    def unsign(self, token: str) -> str | None:
        """Return the payload of ``token``, or None if it is not one of ours."""
        payload, _, signature = token.rpartition(self._separator)
        return payload if token.isascii() and self.verifies(payload, signature) else None

    def verifies(self, payload: str, signature: str) -> bool:
        """Whether ``signature``, which is ASCII, is one of ours for ``payload``."""
        # Compared as text, for base64 has several spellings of the same octets.
        octets = signature.encode("ascii")
        for signer in self._signers:
            if hmac.compare_digest(signer.get_signature(payload), octets):
                return True
        return False


class _HMACSHA256(SigningAlgorithm):
    """HMAC-SHA256 in a single call, several times faster than in three."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        """Return the signature of ``value``."""
        return hmac.digest(key, value, "sha256")


def _signer(key: bytes, salt: bytes, separator: str, derivation: str) -> Signer:
    return Signer(
        key,
        salt=salt,
        sep=separator,
        key_derivation=derivation,
        digest_method=hashlib.sha256,
        algorithm=_HMACSHA256(),
    )
