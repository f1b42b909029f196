"""What the stage cache spares: the same evaluation without a cache, with an empty one, and with a full one.

    python benchmarks/evaluation_cache.py [--limit 40] [--ablation table5]

Runs all three in one go on the held-out tabletop set with the embedded models and prints the seconds of the image
stages (SAM, region features, map tokens) and their ratios; loading the models and the expressions themselves, which
no cache can spare, are listed apart. Exits 1 when the three results are not the same to the byte.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from hybridgl_ros.config import load_config
from hybridgl_ros.evaluation.datasets import open_dataset
from hybridgl_ros.evaluation.plan import ablation_runs
from hybridgl_ros.evaluation.results import write_results
from hybridgl_ros.evaluation.runner import Job, run_job


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=40, help="expressions")
    parser.add_argument("--ablation", default="table5")
    arguments = parser.parse_args()
    dataset = open_dataset("tabletop")
    runs = ablation_runs(load_config("embedded"), arguments.ablation, {})
    job = Job({dataset.split: dataset}, runs, limit=arguments.limit)
    stages, results = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for name, cache in (("no cache", None), ("empty cache", "cache"), ("full cache", "cache")):
            out = Path(folder) / name.replace(" ", "-")
            this = replace(job, cache=Path(folder) / cache if cache else None)
            started = time.perf_counter()
            finished = run_job(this, out, console=Console(quiet=True))
            seconds = time.perf_counter() - started
            write_results(finished, out)
            results.append((out / "results.json").read_bytes())
            stages[name] = sum(usage["seconds"] for usage in finished.stages)
            print(f"{name:12} image stages {stages[name]:8.2f} s, everything {seconds:8.2f} s")
        size = sum(file.stat().st_size for file in (Path(folder) / "cache").rglob("*.safetensors"))
    print(f"image stages without cache : with full cache = {stages['no cache'] / stages['full cache']:.0f} : 1")
    images = len(job.tasks())
    print(f"cache on disk: {size / images / 1e3:.0f} kB an image ({images} images, {len(runs)} rows)")
    print("results are the same to the byte" if len(set(results)) == 1 else "RESULTS DIFFER")
    return int(len(set(results)) != 1)


if __name__ == "__main__":
    sys.exit(main())
