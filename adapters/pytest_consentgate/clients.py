"""Test clients as browsers: their cookies and their headers.

They are told apart by what they have, so that none has to be imported. Each keeps cookies in a way
of its own, and most ways of setting one put quotes around what they find odd, such as a token.
"""

from __future__ import annotations

import inspect
from http.cookies import Morsel, SimpleCookie
from typing import Any, Protocol


class Browser(Protocol):
    """A client whose cookies and headers can be changed."""

    def remove_cookie(self, name: str, domain: str | None) -> None:
        """Remove all cookies called ``name``, also those with that Domain."""
        ...

    def set_cookie(self, name: str, value: str) -> None:
        """Store a cookie for the whole host that the client asks."""
        ...

    def set_header(self, name: str, value: str | None) -> None:
        """Send a header with each request; None for not any more."""
        ...


def browser_of(client: Any, domain: str | None = None) -> Browser:
    """Return ``client`` as a browser whose cookies are for the host ``domain``.

    Raises `TypeError` for one that is not known here.
    """
    cookies = getattr(client, "cookies", None)
    if isinstance(cookies, SimpleCookie) and hasattr(client, "defaults"):
        return _DjangoClient(client)
    if hasattr(client, "run_wsgi_app"):
        return _WerkzeugClient(client, domain)
    if hasattr(cookies, "set") and hasattr(client, "headers"):
        return _JarClient(client, domain)
    raise TypeError(
        f"{type(client).__name__} is no client that is known here; give it the .cookies and the "
        ".headers of this state by yourself: both are dicts"
    )


class _DjangoClient:
    """Django's `Client` and `AsyncClient`."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._is_async = inspect.iscoroutinefunction(client.request)

    def remove_cookie(self, name: str, domain: str | None) -> None:
        del domain  # it has one cookie of a name
        self._client.cookies.pop(name, None)

    def set_cookie(self, name: str, value: str) -> None:
        morsel = Morsel[str]()
        morsel.set(name, value, value)  # as it is; the jar itself would put quotes around
        self._client.cookies[name] = morsel

    def set_header(self, name: str, value: str | None) -> None:
        key = name.lower() if self._is_async else f"HTTP_{name.upper().replace('-', '_')}"
        self._client.defaults.pop(key, None)
        if value is not None:
            self._client.defaults[key] = value


class _WerkzeugClient:
    """Flask's test client and Werkzeug's, of which it is one."""

    def __init__(self, client: Any, domain: str | None) -> None:
        self._client = client
        self._domain = domain or _flask_host(client)

    def remove_cookie(self, name: str, domain: str | None) -> None:
        for each in filter(None, (self._domain, domain and domain.lstrip("."))):
            self._client.delete_cookie(name, domain=each, path="/")

    def set_cookie(self, name: str, value: str) -> None:
        self._client.set_cookie(name, value, domain=self._domain, path="/")

    def set_header(self, name: str, value: str | None) -> None:
        key = f"HTTP_{name.upper().replace('-', '_')}"
        defaults = getattr(self._client, "environ_base", None)
        if defaults is not None:
            defaults.pop(key, None)
        if value is None:
            return
        if defaults is None:
            raise TypeError(
                "Werkzeug's own client has no default headers; give it those of this state with "
                "each request: client.get('/', headers=state.headers)"
            )
        defaults[key] = value


def _flask_host(client: Any) -> str:
    """Return the host that Flask's client asks: SERVER_NAME without its port."""
    config = getattr(client.application, "config", {})
    return str(config.get("SERVER_NAME") or "localhost").partition(":")[0]


class _JarClient:
    """Clients of httpx, requests and Starlette, with a jar of the standard library inside."""

    def __init__(self, client: Any, domain: str | None) -> None:
        self._client = client
        self._domain = _jar_host(client) if domain is None else _in_jar(domain)

    def remove_cookie(self, name: str, domain: str | None) -> None:
        del domain  # wherever it is
        cookies = self._client.cookies
        jar = getattr(cookies, "jar", cookies)
        for cookie in [cookie for cookie in jar if cookie.name == name]:
            jar.clear(cookie.domain, cookie.path, cookie.name)

    def set_cookie(self, name: str, value: str) -> None:
        self._client.cookies.set(name, value, domain=self._domain, path="/")

    def set_header(self, name: str, value: str | None) -> None:
        self._client.headers.pop(name, None)
        if value is not None:
            self._client.headers[name] = value


def _jar_host(client: Any) -> str:
    """Return the host that the client asks by default; ``""``, which is every host, for none."""
    host = getattr(getattr(client, "base_url", None), "host", "")
    return _in_jar(host) if host else ""


def _in_jar(host: str) -> str:
    """Return ``host`` as the jar of the standard library writes it: it adds a label to one.

    Also to an IPv6 address, which it has in brackets.
    """
    written = f"[{host.strip('[]')}]" if ":" in host else host
    return written if "." in written else f"{written}.local"
