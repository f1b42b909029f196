"""What a result depends on beside data and settings: code, libraries, rules, language pipeline, models, processor.

The journal's key and the cache's keys are made from this one description: what changes it is evaluated anew.
"""

from __future__ import annotations

import ast
import hashlib
import platform
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2
import torch

from hybridgl_ros.config import find_named, values_of
from hybridgl_ros.evaluation.methods import find_method
from hybridgl_ros.evaluation.methods._values import FILE as VALUES
from hybridgl_ros.evaluation.plan import Run
from hybridgl_ros.language.pipeline import load_pipeline, pipeline_name
from hybridgl_ros.models.cache import weights_path
from hybridgl_ros.models.registry import Checkpoint, checkpoints, find_checkpoint
from hybridgl_ros.models.repository import sums_digest
from hybridgl_ros.resources import PACKAGE, config_directory
from hybridgl_ros.settings import Config

NAME = PACKAGE.name
ROOTS = ("segmenter", "evaluation/evaluator", "evaluation/stages", "evaluation/methods", "models/loading")
"""The modules and folders whose code, with all that it imports, answers and scores."""
STAGES = {
    "proposals": ("proposals", "models/loading"),
    "features": ("clip", "models/loading"),
    "localisation": ("clip", "models/loading"),
    "activations": ("evaluation/methods/_resnet", "models/loading"),
    "captions": ("evaluation/methods/_captions", "evaluation/methods/_pictures", "models/loading"),
}
"""The same of each stage of an image."""
CALLERS = ("segmenter", "checks", "evaluation/stages")
"""What calls the stages: a change counts, but not one of everything else that they import."""
LIBRARIES = (
    "torch",
    "torchvision",
    "numpy",
    "pillow",
    "pycocotools",
    "open_clip_torch",
    "segment-anything",
    "safetensors",
    "timm",
    "transformers",
)
METHOD_LIBRARIES = ("diffusers",)
LANGUAGE_LIBRARIES = ("spacy", "thinc", "ftfy", "regex")
UNDATED = ("evaluation", "models", "tabletop")
"""Folders whose data files are no part of how an answer comes about, or have a checksum of their own."""


def dependencies(runs: Sequence[Run]) -> dict[str, Any]:
    """Plain values that differ whenever something that the runs' results depend on does.

    Data, settings and threads are named beside it. Raises WeightsError without a language pipeline.
    """
    config = runs[0].config
    return {
        "code": code_parts(ROOTS),
        "libraries": library_versions((*LIBRARIES, *LANGUAGE_LIBRARIES, *METHOD_LIBRARIES)),
        "processor": processor(config.models.device),
        "rules": rules_digest(config.text.rules),
        "methods": values_digest(),
        "pipeline": pipeline_name(load_pipeline(config.models.spacy)),
    }


def models_of(runs: Sequence[Run]) -> dict[str, str]:
    """What is known of every checkpoint that the runs load: by the setting that names it, or by its own name."""
    computed = [run for run in runs if run.source is None]
    found = config_models(computed[0].config) if computed else {}
    found.update({name: identity(find_checkpoint(name)) for run in computed for name in find_method(run.method).models})
    return found


def config_models(config: Config) -> dict[str, str]:
    """The same of those that a configuration names, e.g. sam and clip."""
    known = checkpoints()
    settings = {name.removeprefix("models."): value for name, value in values_of(config).items()}
    return {name: identity(known[value]) for name, value in settings.items() if "." not in name and value in known}


def identity(checkpoint: Checkpoint) -> str:
    """SHA-256 of the weights, and the architecture that they are loaded into (a file by its SHA-256).

    Of a model of several files, the SHA-256 of their sums.
    """
    architecture = checkpoint.architecture
    if architecture.endswith(".json"):
        architecture = digest_of([Path(architecture)], Path(architecture).parent)
    sums = weights_path(checkpoint)
    if checkpoint.repository is not None and sums.is_file():
        return f"{sums_digest(sums)} as {architecture}"
    return f"{checkpoint.sha256 or 'untrained'} as {architecture}"


@lru_cache(maxsize=16)
def stage_dependencies(stage: str) -> dict[str, Any]:
    """What the result of one stage of an image depends on beside image, settings, models and processor."""
    files = [*reached(STAGES[stage]), *(file for caller in CALLERS for file in files_of(caller))]
    return {
        "code": digest_of(files, PACKAGE),
        "libraries": library_versions(LIBRARIES),
    }


def processor(device: str) -> str:
    """What computes on a torch device, of this machine: the GPU, or the vector instructions that torch uses.

    They decide the last digits. auto: the GPU when there is one.
    """
    if device.startswith(("auto", "cuda")) and torch.cuda.is_available():
        name = torch.cuda.get_device_name(None if device == "auto" else torch.device(device))
        return f"{name}, CUDA {torch.version.cuda or torch.version.hip}"
    kind = "" if device in ("auto", "cpu") else f"{device}, "
    return f"{kind}{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def library_versions(names: Iterable[str]) -> dict[str, str]:
    """The installed versions; OpenCV, which comes under several names, as it calls itself."""
    found = {"opencv": cv2.__version__}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed as a package"
    return found


def rules_digest(rules: str) -> str:
    """SHA-256 of the rule files that ship, and of the one that is named when it lies elsewhere."""
    folder = config_directory() / "language"
    files = {*folder.rglob("*.*"), find_named("language", rules)}
    return digest_of([file for file in files if file.is_file()], config_directory())


def values_digest() -> str:
    """SHA-256 of the methods' published numbers and words."""
    return digest_of([config_directory() / "evaluation" / VALUES], config_directory())


@lru_cache(maxsize=4)
def code_parts(roots: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 of the reached code by folder, or by file beside the folders, so that a difference has a place."""
    parts: dict[str, list[Path]] = {}
    for file in reached(roots):
        parts.setdefault(file.relative_to(PACKAGE).parts[0], []).append(file)
    return {part: digest_of(files, PACKAGE) for part, files in sorted(parts.items())}


def reached(roots: Iterable[str]) -> set[Path]:
    """The files of the roots, of everything of this package that they import, and the data beside these."""
    files: set[Path] = set()
    waiting = [file for root in roots for file in files_of(root)]
    while waiting:
        file = waiting.pop()
        if file not in files:
            files.add(file)
            waiting += imported(file)
    folders = {file.relative_to(PACKAGE).parts[0] for file in files if file.parent != PACKAGE}
    for folder in folders.difference(UNDATED):
        files |= {file for file in (PACKAGE / folder).rglob("*.*") if file.suffix not in (".py", ".pyc")}
    return files


def imported(file: Path) -> Iterator[Path]:
    """The files of this package that a module imports, wherever in its code."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == NAME:
            yield from module_files(node.module)
            for name in node.names:
                yield from module_files(f"{node.module}.{name.name}")
        elif isinstance(node, ast.Import):
            for name in node.names:
                if name.name.split(".")[0] == NAME:
                    yield from module_files(name.name)


def module_files(name: str) -> Iterator[Path]:
    """The file of a module or package, none for a name that is neither."""
    path = PACKAGE.joinpath(*name.split(".")[1:])
    for file in (path / "__init__.py", path.with_name(f"{path.name}.py")):
        if file.is_file():
            yield file


def files_of(root: str) -> list[Path]:
    """The modules of a folder, or the one file."""
    path = PACKAGE / root
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_name(f"{path.name}.py")]


def digest_of(files: Iterable[Path], base: Path) -> str:
    """SHA-256 over names (below the base, else plain) and contents."""
    digest = hashlib.sha256()
    for file in sorted(set(files)):
        name = file.relative_to(base).as_posix() if file.is_relative_to(base) else file.name
        digest.update(f"{name} {file.stat().st_size}\n".encode() + file.read_bytes())
    return digest.hexdigest()
