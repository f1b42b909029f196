"""Models of several files, from a repository of Hugging Face: fetched into one folder, with their SHA-256 beside them.

Such a repository states the SHA-256 of its weights; they are compared when they come, and written down with those of
the other files, to be compared whenever the model is loaded.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from hybridgl_ros.errors import WeightsError
from hybridgl_ros.models.digest import sha256_of

SUMS = "SHA256SUMS"
WANTED = ("*.safetensors", "*.json", "*.txt")
"""Weights that hold no code, settings and vocabulary."""


def fetch_repository(repository: str, folder: Path, mirror: str | None = None) -> Path:
    """Fetch the newest state of a repository into a folder; returns its sums file. Goes on where it was interrupted.

    mirror: another server with the same interface. Raises WeightsError when it does not answer, or a file is damaged.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        facts = HfApi(endpoint=mirror).model_info(repository, files_metadata=True)
        snapshot_download(
            repository, revision=facts.sha, local_dir=folder, allow_patterns=list(WANTED), endpoint=mirror
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise WeightsError(
            f"{repository}: cannot be downloaded: {error}; a folder that is already here can be named with --from"
        ) from error
    stated = {entry.rfilename: entry.lfs.sha256 for entry in facts.siblings or () if entry.lfs is not None}
    return write_sums(folder, stated)


def copy_repository(source: Path, folder: Path) -> Path:
    """Take the files of a local folder instead; returns the sums file. Raises WeightsError when it has no weights."""
    if not any(source.glob(WANTED[0])):
        raise WeightsError(f"{source}: no folder with .safetensors files")
    folder.mkdir(parents=True, exist_ok=True)
    for file in wanted_files(source):
        shutil.copyfile(file, folder / file.name)
    return write_sums(folder, {})


def wanted_files(folder: Path) -> list[Path]:
    """A model's own files in a folder."""
    return sorted(file for pattern in WANTED for file in folder.glob(pattern) if file.is_file())


def write_sums(folder: Path, stated: Mapping[str, str]) -> Path:
    """Write down the files' SHA-256, as `sha256sum` does. Raises WeightsError for one that differs from `stated`."""
    lines = []
    for file in wanted_files(folder):
        digest = sha256_of(file)
        if digest != stated.get(file.name, digest):
            raise WeightsError(f"{file}: damaged on the way (SHA-256 {digest}, expected {stated[file.name]})")
        lines.append(f"{digest}  {file.name}\n")
    sums = folder / SUMS
    sums.write_text("".join(lines), encoding="utf-8")
    return sums


def check_sums(sums: Path) -> None:
    """Compare every file with its line. Raises WeightsError for the first that differs, OSError for one not there."""
    for line in sums.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        if sha256_of(sums.parent / name) != digest:
            raise WeightsError(f"{sums.parent / name} is not what was downloaded: its SHA-256 differs from {sums}")


def sums_digest(sums: Path) -> str:
    """One SHA-256 for all the files."""
    return sha256_of(sums)
