"""What a site's tests say about its responses.

    response = client.get("/")
    assert_gated(response)
    assert_no_cookies(response, but=["session"])
    assert_max_age(response, "_ga", at_most="13 months")

They take the responses of Flask's, Django's and Starlette's test clients, and those of httpx and
requests, and need neither pytest nor a framework. Redirects that a client followed count, too;
Django's client keeps no response but the last, and there a warning says so.
"""

from consentgate.assertions.answers import set_cookie_lines
from consentgate.assertions.functions import assert_gated, assert_max_age, assert_no_cookies
from consentgate.assertions.gates import gates_found_by

__all__ = [
    "assert_gated",
    "assert_max_age",
    "assert_no_cookies",
    "gates_found_by",
    "set_cookie_lines",
]
