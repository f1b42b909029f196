"""The durable record of a run: one JSON line an image, written whole or not at all.

The first line names what is being run. A process killed while it wrote leaves a torn last line, which the next one
cuts off: that image is evaluated again, every other one exactly once.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from hybridgl_ros.errors import ConfigError

NAME = "journal.jsonl"
FIELDS = {"split", "image", "data", "answers", "stages", "damaged"}
"""What a line says of an image; one without these is as good as torn."""


class Journal:
    """Appends to, and goes on from, the journal of one output folder.

    key: what is run, plain values. overwrite: start anew whatever is there. records: what was already done.
    Raises ConfigError when the journal belongs to another run, another process writes to it, or the disk is full.
    """

    def __init__(self, folder: Path, key: Mapping[str, Any], overwrite: bool = False) -> None:
        self.path = folder / NAME
        self.records: list[dict[str, Any]] = []
        folder.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = self.path.open("a+b")
        try:
            self._lock()
            lines = [] if overwrite else self._whole_lines()
            if len(lines) > 1:
                check_key(lines[0]["key"], key, folder)
                self.records = lines[1:]
            else:
                # Nothing would be lost: a run that failed at its start does not claim the folder.
                self._file.truncate(0)
                self._write({"key": key})
        except BaseException:
            self._file.close()
            raise

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one image's record; it is on the disk when this returns."""
        self._write(record)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"{self.path.parent}: another evaluation is writing there") from error

    def _whole_lines(self) -> list[dict[str, Any]]:
        """The records up to the first torn line; what follows is cut off."""
        self._file.seek(0)
        records: list[dict[str, Any]] = []
        end = 0
        for line in self._file:
            try:
                record = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                record = None
            wanted = FIELDS if records else {"key"}
            if not isinstance(record, dict) or not wanted <= set(record):
                break
            records.append(record)
            end += len(line)
        self._file.truncate(end)
        return records

    def _write(self, record: Mapping[str, Any]) -> None:
        try:
            self._file.write(json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be written ({error.strerror})") from error


def check_key(written: Mapping[str, Any], wanted: Mapping[str, Any], folder: Path) -> None:
    """Raise ConfigError naming what differs when a folder's results are of another run."""
    before, now = flat(written), flat(json.loads(json.dumps(wanted)))
    differing = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    if differing:
        shown = "; ".join(f"{name}: {before.get(name)!r} there, {now.get(name)!r} now" for name in differing[:3])
        more = f"; {len(differing) - 3} more" if len(differing) > 3 else ""
        raise ConfigError(
            f"{folder} holds results of another run ({shown}{more}); take another --out, or --overwrite to lose them"
        )


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested plain values by dotted path."""
    if isinstance(value, dict) and value:
        return {path: leaf for name, entry in value.items() for path, leaf in flat(entry, f"{prefix}{name}.").items()}
    if isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
        return flat({str(place): entry for place, entry in enumerate(value)}, prefix)
    return {prefix.removesuffix("."): value}
