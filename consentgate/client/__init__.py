"""An application of this process, asked as a browser would ask it."""

from consentgate.client.application import Application, load_application
from consentgate.client.framework import Framework, Route
from consentgate.client.jar import Jar
from consentgate.client.transports import new_transport

__all__ = ["Application", "Framework", "Jar", "Route", "load_application", "new_transport"]
