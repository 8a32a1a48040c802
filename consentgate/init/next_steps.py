"""What to do with a first policy file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from consentgate.client import Application

_HOW: Final = {
    "flask": """\
app.config["CONSENTGATE_POLICY"] = "{file}"
flask_consentgate.ConsentGate(app)""",
    "django": """\
INSTALLED_APPS = ["django_consentgate", ...]
MIDDLEWARE = ["django_consentgate.middleware.ConsentGateMiddleware", ...]  # first
CONSENTGATE = {{"POLICY": BASE_DIR / "{file}"}}""",
    "starlette": """\
app.add_middleware(starlette_consentgate.ConsentGateMiddleware,
                   policy="{file}", secret_keys=["..."])  # last""",
    "": """\
gate = consentgate.Gate(consentgate.Policy.from_file("{file}"), secret_keys=["..."])
app = consentgate.{interface}.ConsentGateMiddleware(app, gate)""",
}


def next_steps(application: Application, file: str, target: str, *, is_gated: bool) -> str:
    """Return how to put the gate of the policy in ``file`` into the application, ``target``."""
    framework = "" if application.framework is None else application.framework.name
    file = _as_named_there("consent.toml" if file == "-" else file, framework, application)
    how = _HOW.get(framework, _HOW[""]).format(file=file, interface=application.interface)
    steps = f"put the gate in, and see what it does:\n\n{how}"
    if is_gated:
        steps = "and take over what the policy of\nthe application's own gate does not have."
    return f"Next: look at what is marked `review:`, {steps}\n\nconsentgate check {target}"


def _as_named_there(file: str, framework: str, application: Application) -> str:
    """Return the path to ``file`` from where the setting's path begins: Flask's is its root."""
    if framework != "flask" or Path(file).is_absolute():
        return file
    root: str = getattr(application.of_framework, "root_path", ".")
    return Path(os.path.relpath(file, root)).as_posix()
