"""Template tags, loaded with ``{% load consentgate %}``."""
