"""Templates filled in by Jinja2, as one document that loads nothing and runs no script but its own."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING

from git_theta.errors import UsageError
from git_theta.report.text import human_size, plural

if TYPE_CHECKING:
    from types import ModuleType

    from markupsafe import Markup

_TEMPLATES = ("page.html", "file.html", "style.css", "script.js")


def jinja2_module() -> ModuleType:
    """Jinja2, which only pages of HTML need.

    Raises:
        UsageError: The library isn't installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise UsageError(
            "--html needs Jinja2, which isn't installed", "pip install 'git-theta[html]'"
        ) from error
    return jinja2


def render(**values: object) -> str:
    """The page, from the values that `templates/page.html` names; style and script are added here.

    Raises:
        UsageError: Jinja2 isn't installed.
    """
    jinja2 = jinja2_module()
    from markupsafe import Markup

    folder = files(__package__) / "templates"
    text = {name: (folder / name).read_text(encoding="utf-8") for name in _TEMPLATES}
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(size=human_size, plural=plural, breakable=_breakable)
    style, script = text["style.css"], text["script.js"]
    page: str = environment.get_template("page.html").render(
        policy="; ".join(_policy(style, script)),
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        **values,
    )
    return page


def _breakable(text: str) -> Markup:
    """Text in which a line may break after the dots of names, and after slashes."""
    from markupsafe import Markup, escape

    chance = Markup("<wbr>")
    return escape(text).replace(".", "." + chance).replace("/", "/" + chance)


def _policy(style: str, script: str) -> Iterator[str]:
    """Directives of a content security policy: this style and this script alone, by digest."""
    yield "default-src 'none'"
    for directive, text in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        yield f"{directive} 'sha256-{digest}'"
    yield "base-uri 'none'"
    yield "form-action 'none'"
