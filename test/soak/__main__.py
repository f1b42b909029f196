"""Runs the soak and writes what came of it; the exit code is 1 when a promise was broken.

Round after round every fault that the node outlives, then those that end it, with load all the time.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import rclpy

from hybridgl_ros.errors import HybridGLError
from soak.faults import FAULTS, Fault, Seen
from soak.stage import Stage

GROWTH_LIMIT = 5.0
# Seconds without a fault, at the beginning of each round; and those after which the memory counts: before, the heaps
# grow to what comes together in a round.
QUIET = 2.0
WARM = 120.0
FEWEST_ROUNDS = 5


def growth(megabytes: list[float]) -> float | None:
    """Percent by which the last fifth of the rounds lies above the first; None when there are too few to tell.

    megabytes: the most that was held in each round. Between two faults it depends on which came last: with a flood the
    heaps grow, a node that is cleaned up gives back what it does not use.
    """
    if len(megabytes) < FEWEST_ROUNDS:
        return None
    fifth = len(megabytes) // 5
    return 100 * (statistics.median(megabytes[-fifth:]) / statistics.median(megabytes[:fifth]) - 1)


class Soak:
    """The course of things."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._rows: dict[str, dict[str, Any]] = {}
        self._cold_rounds = 0
        self._megabytes: list[float] = []

    def run(self, minutes: float) -> None:
        """So many minutes of the faults that the node outlives, at least one round; then the others, once."""
        begin = time.monotonic()
        self._stage.wait_until_ready()
        self._stage.traffic.asking = True
        lasting = [fault for fault in FAULTS if not fault.ends_node]
        while not self._megabytes or time.monotonic() - begin < 60 * minutes:
            self._cold_rounds += time.monotonic() - begin <= WARM
            self._quiet()
            for fault in random.sample(lasting, len(lasting)):
                self._strike(fault)
            self._megabytes.append(self._stage.memory.most())
        for fault in FAULTS:
            if fault.ends_node:
                self._strike(fault)
        with self._stage.traffic.paused():
            self._stage.wait_for(lambda: self._stage.traffic.under_way == 0, "the last answers")

    def report(self) -> dict[str, Any]:
        """What is written down."""
        ledger = self._stage.ledger
        refused = ledger.refused.total()
        warm = self._megabytes[self._cold_rounds :]
        return {
            "sent": ledger.sent,
            "accepted": ledger.sent - refused - ledger.interrupted,
            "replied": ledger.replied + ledger.cancelled,
            "cancelled": ledger.cancelled,
            "refused": refused,
            "refused_by_reason": dict(ledger.refused),
            "interrupted": ledger.interrupted,
            "lost": ledger.lost,
            "wrong": ledger.wrong_count,
            "results": ledger.results,
            "with_place": ledger.placed,
            "memory_growth_percent": growth(warm),
            "memory_megabytes": statistics.median(warm) if warm else None,
            "memory_megabytes_by_round": self._megabytes,
            "latency_p50_ms": ledger.percentile(50),
            "latency_p95_ms": ledger.percentile(95),
            "rounds": len(self._megabytes),
            "examples": ledger.losses + ledger.wrong,
            "faults": list(self._rows.values()),
        }

    def _quiet(self) -> None:
        """Nothing happens but work, and none of it is refused."""
        refused = self._stage.ledger.refused.total()
        time.sleep(QUIET)
        said = f"{self._stage.ledger.refused.total() - refused} requests refused without a fault"
        if not said.startswith("0 "):
            self._stage.ledger.complain(said)

    def _strike(self, fault: Fault) -> None:
        if fault.fake_only and not self._stage.fake:
            return
        row = self._rows.setdefault(
            fault.name,
            {"name": fault.name, "how": fault.how, "promise": fault.promise, "times": 0, "struck": 0, "kept": 0}
            | {"evidence": [], "broken": []},
        )
        seen = Seen()
        self._stage.traffic.restarting = fault.ends_node
        try:
            fault.strike(self._stage, seen)
        except HybridGLError as error:
            seen.broken.append(str(error))
        row["times"] += 1
        row["struck"] += bool(seen.evidence) and not seen.missed
        row["kept"] += not seen.broken
        row["evidence"] = seen.evidence + [f"missed: {text}" for text in seen.missed]
        row["broken"] += seen.broken
        print(f"{fault.name}: {'; '.join(row['evidence'])}{''.join(f'; BROKEN: {text}' for text in seen.broken)}")
        sys.stdout.flush()


def verdicts(report: dict[str, Any]) -> list[str]:
    """What is not as it was promised."""
    grown = report["memory_growth_percent"]
    broken = [f"{report[key]} {key}" for key in ("lost", "wrong") if report[key]]
    if report["accepted"] != report["replied"] + report["lost"]:
        broken.append("accepted requests are unaccounted for")
    if grown is not None and not grown <= GROWTH_LIMIT:  # nor when it is no number, because nothing was seen
        broken.append(f"the memory grew by {grown:.1f} %")
    if not report["with_place"]:
        broken.append("no answer had a place")
    for row in report["faults"]:
        if row["struck"] != row["times"]:
            broken.append(f"{row['name']} did not strike")
        if row["kept"] != row["times"]:
            broken.append(f"{row['name']}: {'; '.join(row['broken'])}")
    return broken


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="0: one round")
    parser.add_argument("--models", choices=["fake", "embedded"], default="fake")
    parser.add_argument("--rate", type=float, default=30.0, help="pictures per second")
    parser.add_argument("--out", type=Path, default=Path("build/soak.json"))
    parser.add_argument("--unjudged", action="store_true", help="promises in seconds are not judged")
    options = parser.parse_args()
    rclpy.init()
    stage = Stage(options.models, options.rate, options.out.with_suffix(""), not options.unjudged)
    soak = Soak(stage)
    problem = ""
    try:
        soak.run(options.minutes)
    except HybridGLError as error:
        problem = str(error)
    finally:
        code = stage.close()
    report = soak.report()
    broken = [*verdicts(report), *filter(None, [problem]), *([f"exit code {code}"] if code else [])]
    report |= {"models": options.models, "rate": options.rate, "minutes": options.minutes, "broken": broken}
    options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    figures = ("sent", "accepted", "replied", "refused", "interrupted", "lost", "wrong", "memory_growth_percent")
    print(", ".join(f"{key} {report[key]}" for key in (*figures, "latency_p50_ms", "latency_p95_ms")))
    for text in broken:
        print(f"BROKEN: {text}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
