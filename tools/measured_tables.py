"""Tables of what was measured: speed, camera rates, faults, and what the node's states cost."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path

from hybridgl_ros.reference import Row


def bench_table(file: Path) -> list[Row]:
    """The rows of a bench.json."""

    def value(number: float | None, unit: str) -> str:
        return "" if number is None else f"{number:.3g} {unit}".strip()

    return [
        {
            "#": str(entry["row"]),
            "what": entry["what"],
            "ours": value(entry["ours"], entry["unit"]),
            "against": " ".join(filter(None, [value(entry["theirs"], entry["unit"]), entry["against"]])),
            "ratio": value(entry["ratio"], "×") if entry["theirs"] else "",
            "goal": entry["goal"],
            "equal": {True: "yes", False: "no", None: ""}[entry["equal"]],
            "reached": {True: "yes", False: "**no**", None: "not measured"}[entry["reached"]],
            "note": entry["note"],
        }
        for entry in json.loads(file.read_text(encoding="utf-8"))["rows"]
    ]


def machine_table(file: Path) -> list[Row]:
    """What a bench.json was measured on."""
    return [{name: str(value) for name, value in json.loads(file.read_text(encoding="utf-8"))["machine"].items()}]


def profile_table(file: Path) -> list[Row]:
    """The stages of a profile.json."""
    return [
        {name: str(value) for name, value in entry.items()} for entry in json.loads(file.read_text(encoding="utf-8"))
    ]


def soak_table(file: Path) -> list[Row]:
    """The figures of a soak.json."""
    report = json.loads(file.read_text(encoding="utf-8"))
    grown = report["memory_growth_percent"]
    figures = {
        "minutes, rounds": f"{report['minutes']:g}, {report['rounds']}",
        "requests sent": report["sent"],
        "of these answered": report["replied"],
        "refused with a reason": report["refused"],
        "cut off by the end of a node": report["interrupted"],
        "lost": report["lost"],
        "wrong": report["wrong"],
        "answers by topic": report["results"],
        "latency of a request p50, p95 (ms)": f"{report['latency_p50_ms']:.0f}, {report['latency_p95_ms']:.0f}",
        "growth of the memory (%)": "not measured" if grown is None else f"{grown:+.1f}",
    }
    return [{"what": what, f"models: {report['models']}": str(value)} for what, value in figures.items()]


def faults_table(file: Path) -> list[Row]:
    """The faults of a soak.json, with their promises."""
    return [
        {
            "fault": entry["name"],
            "how": entry["how"],
            "promise": entry["promise"],
            "struck, kept": f"{entry['struck']}, {entry['kept']} of {entry['times']}",
        }
        for entry in json.loads(file.read_text(encoding="utf-8"))["faults"]
    ]


def camera_rates_table(file: Path) -> list[Row]:
    """The rows of a max_rate.json."""
    return [
        {
            "frames": "×".join(map(str, entry["size"])),
            "taken in (Hz)": f"{entry['rate_hz']:.0f}",
            "lost (%)": f"{100 * entry['lost']:.1f}",
            "limited by": entry["limited_by"],
            "answers (Hz)": f"{entry['answers_hz']:.1f}",
        }
        for entry in json.loads(file.read_text(encoding="utf-8"))["rows"]
    ]


def states_table(file: Path) -> list[Row]:
    """Median memory and processor time of the node's states, of a lifecycle.json."""
    measured = json.loads(file.read_text(encoding="utf-8"))
    return [
        {
            "state": state,
            "memory (MB)": f"{statistics.median(memory):.0f}",
            "processor (%)": f"{statistics.median(measured['cpu'][state]):.0f}",
        }
        for state, memory in measured["memory"].items()
    ]


MEASURED: dict[str, Callable[[Path], list[Row]]] = {
    "bench": bench_table,
    "machine": machine_table,
    "profile": profile_table,
    "soak": soak_table,
    "faults": faults_table,
    "camera_rates": camera_rates_table,
    "states": states_table,
}
