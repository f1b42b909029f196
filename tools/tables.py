"""Write the tables into the documents: settings and interfaces from their one description, results from recorded files.

    python tools/tables.py [--check]

A document says where a table belongs: <!-- table: NAME [FILE …] --> … <!-- end -->, files beside the document.
--check changes nothing and exits 1 when a table is out of date.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measured_tables import MEASURED

from hybridgl_ros.reference import Row, allowed, as_markdown, settings_table, shown, type_name
from hybridgl_ros.ros.common.interfaces import interfaces_table
from hybridgl_ros.ros.common.settings import CameraSettings, SegmentSettings, default_settings
from hybridgl_ros.settings import describe

CHECKOUT = Path(__file__).resolve().parent.parent
DOCUMENTS = (
    "README.md",
    "docs/faults.md",
    "docs/node.md",
    "docs/settings.md",
    "docs/tabletop.md",
    "docs/performance.md",
)
BLOCK = re.compile(r"(<!-- table: (\w+)((?: \S+)*) -->\n).*?(<!-- end -->)", re.DOTALL)
# Kinds of tabletop expressions, among the tags of a breakdown: those stored with the scenes, further ones, people's.
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
    "rank": "the third tallest thing",
    "near": "the cube next to the ball, the one closest to the mug",
    "compound_position": "the cube at the top left",
    "chain": "the cube left of the ball behind the mug",
    "containment": "what is in the ring, the ring around the ball",
    "attribute": "the bottle that fell over",
    "superlative": "the thing farthest to the right",
    "side": "the cup to the left of the block",
    "compound": "the tall one behind the ball on the left",
    "noisy": "uhm could you pass me the gren cube please",
    "negation": "the cube that is not red",
    "plural": "both cups",
}
# Why nothing is meant, among the groups of a breakdown's factor `absent`.
ABSENCES = {
    "absent": "nothing is meant",
    "absent:any": "no such description fits anything",
    "absent:near": "a description that fits but for one word",
    "wrong noun": "there is no such thing",
    "one clause false": "there is such a thing, but the rest is not true of it",
}
RUN_BESIDE = ("paper", "robot without depth", "robot")


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
    of_run = groups_of(rows, rows[-1]["run"], "tag")
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
        if kind in of_run
    ]


def groups_of(rows: list[dict[str, str]], run: str, factor: str) -> dict[str, dict[str, str]]:
    """The rows of one run and factor of a breakdown.csv by group."""
    return {row["group"]: row for row in rows if row["run"] == run and row["factor"] == factor}


def beside_table(summary: Path, breakdown: Path) -> list[Row]:
    """One row a kind: mIoU of the paper's way beside the programs'; all with a referent and the absent ones below."""
    whole, rows = {row["run"]: row for row in read_csv(summary)}, read_csv(breakdown)
    tags, absent = ({run: groups_of(rows, run, factor) for run in RUN_BESIDE} for factor in ("tag", "absent"))

    def row(text: str, example: str, of_run: dict[str, dict[str, str]], name: str, samples: str) -> Row:
        some = of_run[RUN_BESIDE[-1]]
        figures = {run: percent(of_run[run], name) for run in RUN_BESIDE}
        ceiling = percent(some, "ceiling") if name == "miou" else ""
        return {"kind": text, "such as": example, **figures, "ceiling": ceiling, "expressions": some[samples]}

    lines = [
        row(kind.replace("_", " + "), example, {run: tags[run][kind] for run in RUN_BESIDE}, "miou", "samples")
        for kind, example in KINDS.items()
        if kind in tags[RUN_BESIDE[-1]]
    ]
    lines.append(row("**all with a referent**", "", whole, "miou", "with_target"))
    for group, text in ABSENCES.items():
        if group in absent[RUN_BESIDE[-1]]:
            of_run = {run: absent[run][group] for run in RUN_BESIDE}
            refused = {run: {**entry, "refused": str(1 - float(entry["found"]))} for run, entry in of_run.items()}
            lines.append(row(f"refused: {group.replace('absent:', '')}", text, refused, "refused", "samples"))
    return lines


def answers_table(*files: Path) -> list[Row]:
    """One row a run of each summary.csv: what is answered and refused, and how far the score can be trusted."""
    return [
        {
            "run": row["run"],
            "mIoU": f"{percent(row, 'miou')} ({percent(row, 'miou_low')} … {percent(row, 'miou_high')})",
            "one meant": percent(row, "single_miou"),
            "several": percent(row, "plural_miou"),
            "T-acc": percent(row, "t_acc"),
            "N-acc": percent(row, "n_acc"),
            "AUROC": percent(row, "auroc_score"),
            "refused, 95 % kept": percent(row, "refused_95"),
            "ECE": percent(row, "ece"),
        }
        for file in files
        for row in read_csv(file)
    ]


def operators_table(summary: Path, breakdown: Path) -> list[Row]:
    """One row a run of an ablation: what it changes against the row `robot`, and where most."""
    runs, rows = {row["run"]: row for row in read_csv(summary)}, read_csv(breakdown)
    whole = groups_of(rows, "robot", "tag")
    lines = []
    for run, row in runs.items():
        own = groups_of(rows, run, "tag")
        change = {kind: float(own[kind]["miou"]) - float(whole[kind]["miou"]) for kind in KINDS if kind in own}
        kind = min(change, key=change.__getitem__)
        falls = run != "robot" and change[kind] < 0
        lines.append(
            {
                "run": run,
                "mIoU": percent(row, "miou"),
                "change": f"{100 * (float(row['miou']) - float(runs['robot']['miou'])):+.1f}" if run != "robot" else "",
                "several": percent(row, "plural_miou"),
                "T-acc": percent(row, "t_acc"),
                "N-acc": percent(row, "n_acc"),
                "AUROC": percent(row, "auroc_score"),
                "loses most": f"{kind.replace('_', ' + ')} ({100 * change[kind]:+.1f})" if falls else "",
            }
        )
    return lines


def calibration_table(file: Path) -> list[Row]:
    """One row a set of expressions of a calibration.json, on the half of the images that was held apart."""

    def share(value: float | None) -> str:
        return "" if value is None else f"{100 * value:.1f}"

    apart = json.loads(file.read_text(encoding="utf-8"))["apart"]
    return [
        {
            "expressions": name,
            "answers": str(entry["answers"]),
            "ECE": share(entry["ece"]),
            "AUROC": share(entry["auroc"]),
            "right kept": share(entry["kept"]),
            "absent refused": share(entry["refused"]),
        }
        for name, entry in apart.items()
    ]


def reliability_table(file: Path) -> list[Row]:
    """The reliability curve of a calibration.json."""
    curve = json.loads(file.read_text(encoding="utf-8"))["apart"]["all"]["curve"]
    return [
        {
            "score": f"{100 * entry['says']:.1f}",
            "right": f"{100 * entry['right']:.1f}",
            "answers": str(entry["answers"]),
        }
        for entry in curve
    ]


TABLES: dict[str, Callable[..., list[Row]]] = {
    "settings": settings_table,
    "segment_node": lambda: node_table(SegmentSettings, "segment_node"),
    "sim_camera": lambda: node_table(CameraSettings, "sim_camera"),
    "segment_node_interfaces": lambda: interfaces_table("segment_node"),
    "sim_camera_interfaces": lambda: interfaces_table("sim_camera"),
    "results": results_table,
    "kinds": kinds_table,
    "beside": beside_table,
    "answers": answers_table,
    "operators": operators_table,
    "calibration": calibration_table,
    "reliability": reliability_table,
    **MEASURED,
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
