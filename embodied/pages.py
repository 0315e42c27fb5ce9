"""HTML pages of the templates: escaped, printable, in one style, with nothing that a template lacks."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from embodied.text import printable


def page(template: str, **values: Any) -> str:
    """The page that a file of `templates` makes of values; `style` is given to every one.

    Raises:
        jinja2.UndefinedError: the template names a value that is not given.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )  # fmt: skip
    environment.filters["seconds"] = lambda value: f"{value:.1f} s"
    style = Markup(source("report.css"))
    return environment.from_string(source(template)).render(style=style, **values)


def source(name: str) -> str:
    """The text of a file of `templates`."""
    return (files("embodied") / "templates" / name).read_text(encoding="utf-8")
