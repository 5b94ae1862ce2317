"""Templates filled in by Jinja2, as one document that loads nothing and runs no script but its own."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

from git_theta.errors import UsageError
from git_theta.report.text import human_size, plural, share_text

if TYPE_CHECKING:
    from types import ModuleType

    from markupsafe import Markup


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


def render(
    template: str,
    *,
    styles: Sequence[str] = ("style.css",),
    scripts: Sequence[str] = ("script.js",),
    data: object = None,
    **values: object,
) -> str:
    """A page, from the values that its template names; styles and scripts are added here.

    Args:
        template: Name of the template in the folder `templates`.
        styles: Names of style sheets there, in their order.
        scripts: Names of scripts there, which are one in the page: a name of one is known to those after it.
        data: Values for the scripts; the template has them as `data`, in JSON.
        values: Values of the template.

    Raises:
        UsageError: Jinja2 isn't installed.
    """
    jinja2 = jinja2_module()
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        size=human_size, share=share_text, plural=plural, coordinate="{:g}".format, breakable=_breakable
    )
    style, script = ("".join(map(_text, names)) for names in (styles, scripts))
    page: str = environment.get_template(template).render(
        policy="; ".join(_policy(style, script)),
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        data=Markup(_as_script_text(data)),  # noqa: S704
        **values,
    )
    return page


def _text(name: str) -> str:
    """The text of a template, a style sheet or a script."""
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")


def _as_script_text(data: object) -> str:
    """JSON for a script element: no text in it ends the element, or begins another one."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


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
