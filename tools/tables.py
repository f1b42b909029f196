"""Write the settings tables into the documents, from the one description of every setting.

    python tools/tables.py [--check]

--check changes nothing and exits 1 when a table is out of date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hybridgl_ros.reference import Row, allowed, as_markdown, settings_table, shown, type_name
from hybridgl_ros.ros.settings import CameraSettings, SegmentSettings, default_settings
from hybridgl_ros.settings import describe

CHECKOUT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "docs/settings.md")
BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


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


TABLES: dict[str, Callable[[], list[Row]]] = {
    "settings": settings_table,
    "segment_node": lambda: node_table(SegmentSettings, "segment_node"),
    "sim_camera": lambda: node_table(CameraSettings, "sim_camera"),
}


def updated(text: str) -> str:
    """The document with every table made anew."""
    return BLOCK.sub(lambda block: f"{block[1]}{as_markdown(TABLES[block[2]]())}\n{block[3]}", text)


def main(arguments: list[str]) -> int:
    outdated = []
    for name in DOCUMENTS:
        path = CHECKOUT / name
        text = path.read_text(encoding="utf-8")
        if updated(text) != text:
            outdated.append(name)
            if "--check" not in arguments:
                path.write_text(updated(text), encoding="utf-8")
    for name in outdated:
        print(f"{name}: {'out of date' if '--check' in arguments else 'updated'}")
    return 1 if outdated and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
