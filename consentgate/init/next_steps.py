"""What to do with a first policy file."""

from __future__ import annotations

from typing import Final

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


def next_steps(framework: str, interface: str, file: str, target: str, *, is_gated: bool) -> str:
    """Return how to put the gate of the policy in ``file`` into ``target``, of ``framework``."""
    file = "consent.toml" if file == "-" else file
    how = _HOW.get(framework, _HOW[""]).format(file=file, interface=interface)
    steps = f"put the gate in, and see what it does:\n\n{how}"
    if is_gated:
        steps = "and take over what the policy of\nthe application's own gate does not have."
    return f"Next: look at what is marked `review:`, {steps}\n\nconsentgate check {target}"
