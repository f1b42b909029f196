"""HTML pages without outside parts, from templates that share one frame (`templates/page.html.j2`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from hybridgl_ros.resources import PACKAGE


def render(
    package: str, template: str, contents: Mapping[str, Any], filters: Mapping[str, Callable[..., str]] | None = None
) -> str:
    """The text of a page. package: the one whose templates/ holds the template; filters: by name, beside jinja2's."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(PACKAGE.name)]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= filters or {}
    return environment.get_template(template).render(**contents)
