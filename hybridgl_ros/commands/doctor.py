"""`hybridgl doctor`: what is wrong with this machine, and the command that cures it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from hybridgl_ros.commands.checks import visible_gpus
from hybridgl_ros.commands.options import Changes, ConfigName, Device, Preset, overrides_of
from hybridgl_ros.doctor.examination import examine, is_well
from hybridgl_ros.doctor.findings import OK, WARNING, WRONG, Finding
from hybridgl_ros.doctor.limits import limits

ILL = 1
STYLES = {OK: "green", WARNING: "yellow", WRONG: "red"}


def doctor(
    config: ConfigName = "embedded",
    preset: Preset = None,
    changes: Changes = None,
    device: Device = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look for what keeps this package from working here: Python, ROS 2, torch, weights, DDS, memory, threads.

    Every line is ok, warning or wrong, the latter two with the command that cures it. Nothing is changed.

    Exit code 0: nothing is wrong; 1: something is.
    """
    overrides = overrides_of(changes, device)
    from hybridgl_ros.doctor.surroundings import look_around

    findings = examine(look_around(config, overrides, preset, visible_gpus()), limits())
    well = is_well(findings)
    if as_json:
        typer.echo(json.dumps({"well": well, "findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        write(findings)
    if not well:
        raise typer.Exit(ILL)


def write(findings: list[Finding]) -> None:
    """A line a finding, and its cure below."""
    console = Console(soft_wrap=True, highlight=False)
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        state = Text(f"{finding.state:<8}", STYLES[finding.state])
        console.print(state, Text(f"{finding.check:<{width}}  {finding.text}"), sep="")
        if finding.cure:
            console.print(Text(f"{'':8}{'':{width}}  → {finding.cure}", "bold"))
