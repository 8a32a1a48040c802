"""``consentgate init``: a first policy file, from the cookies that an application sets."""

from consentgate.init.draft import Draft, draft

__all__ = ["Draft", "draft"]
