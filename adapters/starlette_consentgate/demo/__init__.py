"""``consentgate demo``: a shop on this machine, and what the gate lets through."""

from starlette_consentgate.demo.command import demo

__all__ = ["demo"]
