"""The site before ConsentGate."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "ungated_settings"
app = get_wsgi_application()
