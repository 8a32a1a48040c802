"""The settings of the site with ConsentGate."""

from __future__ import annotations

from pathlib import Path

from shopcms.settings.base import BASE_DIR
from ungated_settings import *  # noqa: F403
from ungated_settings import INSTALLED_APPS as APPS
from ungated_settings import MIDDLEWARE as OF_THE_SITE
from ungated_settings import TEMPLATES as TEMPLATES_OF_THE_SITE

INSTALLED_APPS = ["django_consentgate", *APPS]
MIDDLEWARE = ["django_consentgate.middleware.ConsentGateMiddleware", *OF_THE_SITE]
CONSENTGATE = {"POLICY": Path(__file__).with_name("consent.toml")}

(_TEMPLATES,) = TEMPLATES_OF_THE_SITE
_FOLDERS = [Path(BASE_DIR, "gated_templates"), *_TEMPLATES["DIRS"]]
TEMPLATES = [{**_TEMPLATES, "DIRS": _FOLDERS}]
