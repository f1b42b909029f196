"""Where weights lie on this machine, and whether they are what their checksum says."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from platformdirs import user_cache_path

from hybridgl_ros.errors import WeightsError
from hybridgl_ros.models.digest import sha256_of
from hybridgl_ros.models.registry import Checkpoint
from hybridgl_ros.models.repository import check_sums

CACHE_VARIABLE = "HYBRIDGL_CACHE"
# Hashing anything smaller takes less than a tenth of a second.
REMEMBERED_SIZE = 64 * 2**20


def cache_directory(override: str | Path | None = None) -> Path:
    """The folder of downloaded weights: the override, HYBRIDGL_CACHE, or the user's cache folder (XDG)."""
    chosen = override or os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser().resolve() if chosen else user_cache_path("hybridgl")


def weights_path(checkpoint: Checkpoint, cache: str | Path | None = None) -> Path:
    """Where the weights of a checkpoint belong, whether they are there or not."""
    if checkpoint.url is None:
        return checkpoint.file
    return cache_directory(cache) / checkpoint.name / checkpoint.file


def checked_weights(checkpoint: Checkpoint, cache: str | Path | None = None) -> Path:
    """The path of the weights after their SHA-256 was compared; of a repository, its list of sums.

    Raises WeightsError, with the command to run, when the file is missing or is not the one of the registry.
    """
    path = weights_path(checkpoint, cache)
    try:
        if checkpoint.repository is not None:
            check_sums(path)
        elif not is_remembered(checkpoint, path, cache):
            check_digest(checkpoint, path)
            remember(checkpoint, path, cache)
    except OSError as error:
        state = f"missing ({path})" if isinstance(error, FileNotFoundError) else f"not readable ({error})"
        raise WeightsError(f"the weights of {checkpoint.name} are {state}; {remedy(checkpoint)}") from error
    return path


def check_digest(checkpoint: Checkpoint, path: Path) -> None:
    """Compare the file's SHA-256 with the registry's; raises WeightsError when they differ."""
    actual = sha256_of(path)
    if actual != checkpoint.sha256:
        raise WeightsError(
            f"the weights of {checkpoint.name} are damaged: {path} has SHA-256 {actual},"
            f" expected {checkpoint.sha256 or 'one from a model card'}; {remedy(checkpoint)}"
        )


def remedy(checkpoint: Checkpoint) -> str:
    """What a person can do about missing or damaged weights."""
    if checkpoint.url is not None:
        return f"run: hybridgl download {checkpoint.name}"
    return "they belong to the registry's folder: restore them or install the package again"


def is_remembered(checkpoint: Checkpoint, path: Path, cache: str | Path | None) -> bool:
    """Whether this very file, unchanged since, was found good before."""
    facts = identity(checkpoint, path)
    try:
        return json.loads(note_path(checkpoint, cache).read_text(encoding="utf-8")) == facts
    except (OSError, ValueError):
        return False


def remember(checkpoint: Checkpoint, path: Path, cache: str | Path | None) -> None:
    """Note that a file is good, so that gigabytes are not hashed at every start."""
    if path.stat().st_size < REMEMBERED_SIZE:
        return
    note = note_path(checkpoint, cache)
    # A cache that cannot be written costs time at the next start, nothing else.
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(identity(checkpoint, path)), encoding="utf-8")


def note_path(checkpoint: Checkpoint, cache: str | Path | None) -> Path:
    return cache_directory(cache) / checkpoint.name / "verified.json"


def identity(checkpoint: Checkpoint, path: Path) -> dict[str, str | int]:
    """What changes when a file does; the time of its last change of any kind cannot be set back as its mtime can."""
    status = path.stat()
    facts = {name: getattr(status, f"st_{name}") for name in ("ino", "size", "mtime_ns", "ctime_ns")}
    return {"path": str(path), "sha256": checkpoint.sha256, **facts}
