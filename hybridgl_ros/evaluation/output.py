"""Everything an evaluation writes and prints."""

from __future__ import annotations

from pathlib import Path

from hybridgl_ros.evaluation.report import write_report
from hybridgl_ros.evaluation.results import summary_lines, write_breakdown, write_results, write_summary, write_timings
from hybridgl_ros.evaluation.runner import Finished
from hybridgl_ros.evaluation.screen import plain_console, print_summary


def write_all(finished: Finished, title: str, out: Path) -> None:
    """Every file of the output folder, and the table on the screen."""
    lines = summary_lines(finished)
    write_results(finished, out)
    write_summary(lines, out)
    write_breakdown(lines, out)
    write_timings(finished, out)
    write_report(finished, lines, title, out)
    if finished.job.opened is not None:
        finished.job.opened.write(out)
    console = plain_console()
    print_summary(finished, lines, title, console)
    console.print(f"report: {out / 'report.html'}", soft_wrap=True)
