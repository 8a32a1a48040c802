"""``consentgate policy``: the cookie table to publish, and what two policies differ in."""
