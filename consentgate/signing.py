"""Text that only the site can write: the keys, and the signature under its cookies."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from itsdangerous import Signer
from itsdangerous.encoding import base64_encode
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
        self._keys = [_derived(key, salt) for key in secret_keys]
        self._algorithm = _HMACSHA256(self._keys)

    def sign(self, payload: str) -> str:
        """Return the token of ``payload``."""
        return f"{payload}{self._separator}{self.signature(payload)}"

    def signature(self, payload: str) -> str:
        """Return the signature alone, to be kept beside ``payload``."""
        return self._algorithm.get_signature(self._keys[0], payload.encode()).decode("ascii")

    def unsign(self, token: str) -> str | None:
        """Return the payload of ``token``, or None if it is not one of ours."""
        payload, _, signature = token.rpartition(self._separator)
        return payload if token.isascii() and self.verifies(payload, signature) else None

    def verifies(self, payload: str, signature: str) -> bool:
        """Whether ``signature``, which is ASCII, is one of ours for ``payload``."""
        value, text = payload.encode(), signature.encode("ascii")
        for key in self._keys:  # noqa: SIM110 - a generator takes longer
            if self._algorithm.verify_signature(key, value, text):
                return True
        return False


class _HMACSHA256(SigningAlgorithm):
    """HMAC-SHA256 with keys that are prepared once, not once for each token.

    Its signatures are base64, and compared as such, for other spellings have the same octets.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._prepared = {key: hmac.new(key, digestmod="sha256") for key in keys}

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        """Return the signature of ``value``."""
        mac = self._prepared[key].copy()
        mac.update(value)
        return base64_encode(mac.digest())


def _derived(key: bytes, salt: bytes) -> bytes:
    signer = Signer(key, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256)
    return signer.derive_key()
