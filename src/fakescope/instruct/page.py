"""HTML pages about instructions: no script, nothing from elsewhere, everything escaped."""

from __future__ import annotations

import functools
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from fakescope import __version__


def render(template: str, **values: Any) -> str:
    """A page of `templates/`."""
    return _environment().get_template(template).render(version=__version__, **values)


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("fakescope.instruct", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
