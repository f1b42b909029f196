"""Measure every row, print the table and write it down.

    python -m benchmarks.bench [--device cpu] [--rows 1,2] [--quick] [--output build/bench.json]

Everything else on the machine must be quiet. Both ways of a row are measured in turn in one run. Exit code 1 when two
ways that are to agree do not.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from .rows import Row, matrix_rate

# Module → the rows it measures.
MODULES = {
    "proposals": (1, 2, 5),
    "features": (3, 4, 5),
    "cascade": (6,),
    "expressions": (7, 8),
    "frame": (9, 13),
    "node": (10,),
    "memory": (11,),
    "start": (12,),
}
# These measure processes and messages, whatever the models run on.
ON_PROCESSOR = ("node", "memory", "start")


def main() -> int:
    """Run, print, write; returns the exit code."""
    options = parse_options()
    # Both ways in float32, whatever a GPU does for convolutions when left alone.
    torch.backends.cudnn.allow_tf32 = False
    wanted = {int(number) for number in options.rows.split(",")} if options.rows else set(range(1, 14))
    found: list[Row] = []
    for name, numbers in MODULES.items():
        if wanted & set(numbers) and not (options.device != "cpu" and name in ON_PROCESSOR):
            for row in importlib.import_module(f"{__package__}.{name}").rows(options.device, options.quick):
                print(json.dumps(asdict(row), ensure_ascii=False), flush=True)
                found.append(row)
    found.sort(key=lambda row: row.row)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine(options.device), "rows": [asdict(row) for row in found]}
    options.output.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    Console().print(table(found))
    return int(any(row.equal is False for row in found))


def machine(device: str) -> dict[str, Any]:
    """What the figures were measured on."""
    if device.startswith("cuda"):
        name = torch.cuda.get_device_name(device)
    else:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return {
        "device": name,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "float32 GFLOP/s": round(matrix_rate(device) / 1e9, 1),
        "bfloat16 GFLOP/s": round(matrix_rate(device, torch.bfloat16) / 1e9, 1),
    }


def table(rows: Iterable[Row]) -> Table:
    """The rows for a person."""
    shown = Table("#", "what", "against", "ours", "theirs", "ratio", "goal", "equal", "reached")
    for row in rows:
        values = [f"{value:.4g} {row.unit}" if value is not None else "–" for value in (row.ours, row.theirs)]
        ratio = "–" if row.ratio is None else f"{row.ratio:.2f}×"
        shown.add_row(str(row.row), row.what, row.against, *values, ratio, row.goal, said(row.equal), said(row.reached))
    return shown


def said(value: bool | None) -> str:
    """Yes, no, or nothing."""
    return {True: "yes", False: "no", None: "–"}[value]


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rows", default="", help="numbers of rows, separated by commas; all without")
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it runs")
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
