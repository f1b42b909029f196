"""The refs of a REFER data set: a pickle, read without running what it asks for."""

from __future__ import annotations

import io
import json
import logging
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hybridgl_ros.errors import DatasetError

LOGGER = logging.getLogger(__name__)
Kind = type | tuple[type, ...]
FIELDS: Mapping[str, Kind] = {"ref_id": int, "ann_id": int, "image_id": int, "split": str, "sentences": list}
"""What a ref of RefCOCO and its kin holds."""
WINDOWS_ENDS = "its line ends are those of Windows (CR LF), as after a copy in text mode"
_ADMITTED = {(module, name) for module in ("builtins", "__builtin__") for name in ("set", "frozenset")}


def load_refs(path: Path, wanted: Mapping[str, Kind] = FIELDS) -> list[dict[str, Any]]:
    """The refs of a REFER pickle, Python 2's (its bytes being UTF-8 or else Latin-1) or 3's.

    Only containers, strings and numbers are admitted. A file of which a copy in text mode changed every line end is
    read as it was, and that is logged.

    wanted: see `check_refs`. Raises DatasetError when the file is damaged, or asks for anything else: nothing of it is
    then run.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error
    try:
        return refs_of(content, path, wanted)
    except DatasetError as error:
        if not 0 < content.count(b"\n") == content.count(b"\r\n"):
            raise
        try:
            refs = refs_of(content.replace(b"\r\n", b"\n"), path, wanted)
        except DatasetError:
            raise DatasetError(f"{error}; {WINDOWS_ENDS}: copy it again as it is") from error
    LOGGER.warning("%s: %s; read as it was before", path, WINDOWS_ENDS)
    return refs


def refs_of(content: bytes, path: Path, wanted: Mapping[str, Kind] = FIELDS) -> list[dict[str, Any]]:
    """The refs of a pickle's bytes."""
    try:
        try:
            refs = _PlainUnpickler(io.BytesIO(content), encoding="utf-8").load()
        except UnicodeDecodeError:
            refs = _PlainUnpickler(io.BytesIO(content), encoding="latin1").load()
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from error
    except Exception as error:  # damaged opcodes fail in whatever way the operation they ask for does
        raise DatasetError(f"{path}: damaged pickle ({error!r})") from error
    check_refs(refs, path, wanted)
    return refs


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ADMITTED:
            return super().find_class(module, name)
        raise DatasetError(
            f"refused: the pickle asks for {module}.{name}; only plain containers, strings and numbers are "
            "read, as loading anything else could run code"
        )


def load_json_refs(path: Path, wanted: Mapping[str, Kind]) -> list[dict[str, Any]]:
    """The refs of a JSON file of the same content. Raises DatasetError when it is damaged; wanted: see `check_refs`."""
    try:
        refs = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error
    check_refs(refs, path, wanted)
    return refs


def check_refs(refs: Any, path: Path, wanted: Mapping[str, Kind] = FIELDS) -> None:
    """Raise DatasetError when these are no refs. wanted: the types of their entries."""
    if not isinstance(refs, list):
        raise DatasetError(f"{path}: holds a {type(refs).__name__}, not a list of refs")
    for number, ref in enumerate(refs):
        if not isinstance(ref, dict):
            raise DatasetError(f"{path}: ref number {number} is a {type(ref).__name__}, not a dict")
        check_types(ref, wanted, f"{path}: ref number {number}")
        for sentence in ref["sentences"]:
            if not isinstance(sentence, dict) or not {"sent_id", "sent"} <= set(sentence):
                raise DatasetError(f"{path}: a sentence of ref {ref['ref_id']} lacks sent_id or sent")
            if not isinstance(sentence["sent"], str) or not isinstance(sentence.get("raw") or "", str):
                raise DatasetError(f"{path}: a sentence of ref {ref['ref_id']} is not a text")


def check_types(record: dict[str, Any], wanted: Mapping[str, Kind], entry: str) -> None:
    """Raise DatasetError, naming the entry, when a value is missing or of another type."""
    for key, kind in wanted.items():
        if not isinstance(record.get(key), kind):
            raise DatasetError(f"{entry}: {key} is {record.get(key)!r}")
