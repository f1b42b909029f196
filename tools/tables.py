"""Write the tables into the documents: settings from their one description, results from recorded CSV files.

    python tools/tables.py [--check]

A document says where a table belongs: <!-- table: NAME [FILE …] --> … <!-- end -->, files beside the document.
--check changes nothing and exits 1 when a table is out of date.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hybridgl_ros.reference import Row, allowed, as_markdown, settings_table, shown, type_name
from hybridgl_ros.ros.settings import CameraSettings, SegmentSettings, default_settings
from hybridgl_ros.settings import describe

CHECKOUT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "docs/settings.md", "docs/tabletop.md")
BLOCK = re.compile(r"(<!-- table: (\w+)((?: \S+)*) -->\n).*?(<!-- end -->)", re.DOTALL)
# Kinds of tabletop expressions, among the tags of a breakdown.
KINDS = {
    "colour": "the red one",
    "colour_shape": "the red cube",
    "shape": "the cube",
    "size": "the small cube",
    "position": "the cube on the left",
    "relation": "the cube left of the ball",
    "between": "the cube between the ball and the mug",
    "inside": "the ball inside the ring",
    "ordinal": "the second cube from the left",
    "depth": "the cube behind the ball, the nearest cube",
}


def node_table(kind: type, node: str) -> list[Row]:
    """One row a parameter of a node: name, type, what is allowed, default, whether it can change, meaning."""
    values: Any = default_settings(kind, node)
    return [
        {
            "parameter": name,
            "type": type_name(entry.type),
            "allowed": allowed(entry),
            "default": shown(getattr(values, name)),
            "at run time": "yes" if entry.live else "no",
            "meaning": entry.text,
        }
        for name, entry in describe(kind).items()
    ]


def percent(row: dict[str, str], name: str) -> str:
    """A figure of a CSV file in percent."""
    return f"{100 * float(row[name]):.1f}" if row[name] else ""


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def results_table(*files: Path) -> list[Row]:
    """One row a run of each summary.csv: figures in percent, the 95 % intervals of oIoU and mIoU."""
    return [
        {
            "run": row["run"],
            **{
                heading: f"{percent(row, name)} ({percent(row, f'{name}_low')} … {percent(row, f'{name}_high')})"
                for heading, name in (("oIoU", "oiou"), ("mIoU", "miou"))
            },
            **{f"P@0.{limit}": percent(row, f"precision_{limit}0") for limit in (5, 7, 9)},
            "ceiling": percent(row, "ceiling"),
            "CLIP only": percent(row, "clip_miou"),
            "expressions": row["with_target"],
        }
        for file in files
        for row in read_csv(file)
    ]


def kinds_table(file: Path) -> list[Row]:
    """One row a kind of tabletop expression of the last run of a breakdown.csv: figures in percent."""
    rows = read_csv(file)
    of_run = {row["group"]: row for row in rows if row["run"] == rows[-1]["run"] and row["factor"] == "tag"}
    return [
        {
            "kind": kind.replace("_", " + "),
            "such as": example,
            "mIoU": percent(of_run[kind], "miou"),
            "ceiling": percent(of_run[kind], "ceiling"),
            "CLIP only": percent(of_run[kind], "clip_miou"),
            "expressions": of_run[kind]["samples"],
        }
        for kind, example in KINDS.items()
    ]


TABLES: dict[str, Callable[..., list[Row]]] = {
    "settings": settings_table,
    "segment_node": lambda: node_table(SegmentSettings, "segment_node"),
    "sim_camera": lambda: node_table(CameraSettings, "sim_camera"),
    "results": results_table,
    "kinds": kinds_table,
}


def updated(text: str, folder: Path) -> str:
    """A document of the folder with every table made anew."""

    def table(block: re.Match[str]) -> str:
        files = [folder / name for name in block[3].split()]
        return f"{block[1]}{as_markdown(TABLES[block[2]](*files))}\n{block[4]}"

    return BLOCK.sub(table, text)


def main(arguments: list[str]) -> int:
    outdated = []
    for name in DOCUMENTS:
        path = CHECKOUT / name
        text = path.read_text(encoding="utf-8")
        if updated(text, path.parent) != text:
            outdated.append(name)
            if "--check" not in arguments:
                path.write_text(updated(text, path.parent), encoding="utf-8")
    for name in outdated:
        print(f"{name}: {'out of date' if '--check' in arguments else 'updated'}")
    return 1 if outdated and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
