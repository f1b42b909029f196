"""What is in a recording, read by the SDK."""

from __future__ import annotations

from pathlib import Path

OWN = {"frame", "stamp", "sample"}


def lines(file: Path) -> dict[str, dict[str, set[int]]]:
    """The places on each of our time lines at which something of an entity is logged; of an older SDK, no places."""
    try:
        from rerun.chunk import RrdReader
    except ImportError:
        from rerun.dataframe import load_recording

        return {column.entity_path: {} for column in load_recording(file).schema().component_columns()}
    found: dict[str, dict[str, set[int]]] = {}
    for chunk in RrdReader(file).stream().to_chunks():
        if chunk.entity_path.startswith("/__"):
            continue
        batch = chunk.to_record_batch()
        for line in OWN & set(chunk.timeline_names):
            found.setdefault(chunk.entity_path, {}).setdefault(line, set()).update(
                int(value) for value in batch.column(line).cast("int64").to_pylist()
            )
    return found
