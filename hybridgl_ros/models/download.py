"""Download weights into the cache: resumable, checked, only when a person asks for it."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import requests

from hybridgl_ros.errors import WeightsError
from hybridgl_ros.models.cache import cache_directory, check_digest, checked_weights, remember, weights_path
from hybridgl_ros.models.registry import Checkpoint
from hybridgl_ros.models.repository import copy_repository, fetch_repository

__all__ = ["cache_directory", "download"]

Progress = Callable[[int, int], None]
# A transfer that breaks loses what it had of the last block.
BLOCK = 1 << 16
TIMEOUT = (10.0, 60.0)
WORTH_A_RETRY = (408, 425, 429, 500, 502, 503, 504)
OTHER_WAYS = "another server can be named with --mirror, a file that is already here with --from"


class Interrupted(Exception):
    """A transfer that may go on at the next attempt."""


def download(
    checkpoint: Checkpoint,
    *,
    cache: str | Path | None = None,
    mirror: str | None = None,
    source: str | Path | None = None,
    progress: Progress | None = None,
    attempts: int = 5,
    pause: float = 1.0,
) -> Path:
    """Bring the weights of a checkpoint into the cache and return their path, at once when they are there.

    cache: folder instead of the usual one. mirror: URL prefix that replaces the address up to the file name.
    source: a local file (a folder, for a model of several files) to take instead. progress: called with bytes so far
    and bytes in all (0: not known), but not for a model of several files.
    attempts: how often in a row a transfer may break without getting further; pause: seconds before the
    second attempt, doubled each time. A broken transfer leaves a `.part` file, where the next call goes on.
    Raises WeightsError saying what went wrong and what to do.
    """
    if checkpoint.url is None:
        return checked_weights(checkpoint)
    target = weights_path(checkpoint, cache)
    if is_good(checkpoint, cache):
        return target
    if checkpoint.repository is not None:
        if source is not None:
            return copy_repository(Path(source), target.parent)
        return fetch_repository(checkpoint.repository, target.parent, mirror)
    report = progress or (lambda done, total: None)
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if source is not None:
            copy(checkpoint, Path(source), part, report)
        else:
            url = f"{mirror.rstrip('/')}/{checkpoint.file.name}" if mirror else checkpoint.url
            fetch_all(checkpoint, url, part, report, attempts, pause)
        try:
            check_digest(checkpoint, part)
        except WeightsError:
            part.unlink()
            raise
        os.replace(part, target)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise WeightsError(
                f"{checkpoint.name}: the disk of {target.parent} is full; make room and run"
                " the same command again, it goes on where it stopped"
            ) from error
        raise WeightsError(f"{checkpoint.name}: cannot write to {target.parent}: {error}") from error
    remember(checkpoint, target, cache)
    return target


def is_good(checkpoint: Checkpoint, cache: str | Path | None) -> bool:
    try:
        checked_weights(checkpoint, cache)
    except WeightsError:
        return False
    return True


def copy(checkpoint: Checkpoint, source: Path, part: Path, report: Progress) -> None:
    """Copy a local file to the part file."""
    if not source.is_file():
        raise WeightsError(f"{checkpoint.name}: there is no file {source}")
    total = source.stat().st_size
    if checkpoint.size and total != checkpoint.size:
        raise WeightsError(f"{checkpoint.name}: {source} has {total} bytes, expected {checkpoint.size}")
    check_room(checkpoint, part.parent, total)
    with source.open("rb") as reader, part.open("wb") as writer:
        while block := reader.read(BLOCK):
            writer.write(block)
            report(writer.tell(), total)


def fetch_all(checkpoint: Checkpoint, url: str, part: Path, report: Progress, attempts: int, pause: float) -> None:
    """Fetch until the part file is complete, or `attempts` transfers in a row got no further."""
    furthest = size_of(part)
    failures = 0
    with requests.Session() as session:
        while True:
            try:
                fetch(session, checkpoint, url, part, report)
                return
            except Interrupted as error:
                failures = 1 if size_of(part) > furthest else failures + 1
                furthest = max(furthest, size_of(part))
                if failures >= attempts:
                    raise WeightsError(
                        f"{checkpoint.name}: gave up on {urlsplit(url).netloc} after {attempts} attempts"
                        f" ({error}); {size_of(part)} bytes are kept, the same command goes on from there;"
                        f" {OTHER_WAYS}"
                    ) from error
                time.sleep(pause * 2 ** (failures - 1))


def fetch(session: requests.Session, checkpoint: Checkpoint, url: str, part: Path, report: Progress) -> None:
    """One transfer, from where the part file ends. Raises Interrupted when another one may bring more."""
    start = size_of(part)
    if checkpoint.size and start >= checkpoint.size:
        return
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
    try:
        with session.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == 416:
                part.unlink()
                raise Interrupted("the part file does not fit what the server has")
            start = start if response.status_code == 206 else 0
            total = announced_size(checkpoint, url, response, start)
            check_room(checkpoint, part.parent, total - start)
            with part.open("ab" if start else "wb") as writer:
                for block in response.iter_content(BLOCK):
                    writer.write(block)
                    report(writer.tell(), total)
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        raise Interrupted(reason(error)) from error
    except requests.RequestException as error:
        raise WeightsError(f"{checkpoint.name}: cannot download {url}: {error}; {OTHER_WAYS}") from error
    if total and size_of(part) < total:
        raise Interrupted("the connection closed early")


def announced_size(checkpoint: Checkpoint, url: str, response: requests.Response, start: int) -> int:
    """Bytes of the whole file, 0 when nobody says; raises for an answer that is not the file."""
    if response.status_code in WORTH_A_RETRY:
        raise Interrupted(f"HTTP {response.status_code} {response.reason}")
    if response.status_code not in (200, 206):
        raise WeightsError(f"{checkpoint.name}: HTTP {response.status_code} {response.reason} for {url}; {OTHER_WAYS}")
    length = response.headers.get("Content-Length", "")
    total = start + int(length) if length.isdigit() else 0
    if checkpoint.size and total and total != checkpoint.size:
        raise WeightsError(
            f"{checkpoint.name}: {url} is a file of {total} bytes, expected {checkpoint.size}; {OTHER_WAYS}"
        )
    return checkpoint.size or total


def check_room(checkpoint: Checkpoint, folder: Path, wanted: int) -> None:
    """Raise WeightsError when the disk has less room than is still to come."""
    free = shutil.disk_usage(folder).free
    if wanted > free:
        raise WeightsError(
            f"{checkpoint.name}: {folder} has {free / 1e6:.0f} MB free, {wanted / 1e6:.0f} MB are needed"
        )


def reason(error: Exception) -> str:
    """The innermost words of a nested connection error."""
    while error.args and isinstance(error.args[0], Exception):
        error = error.args[0]
    return str(getattr(error, "reason", None) or (error.args[0] if error.args else error))


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
