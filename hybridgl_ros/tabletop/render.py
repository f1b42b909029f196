"""Render a set of tabletop scenes.

``python -m hybridgl_ros.tabletop.render --split train --scenes 5000 --seed 1 --workers 2 --out DIR``

Scene ``i`` of a split depends on the seed, the split and ``i`` only, so the same command gives the same set
with any number of workers (on one version of MuJoCo and of the OpenGL driver), and a stopped run goes on at the
first missing shard.
"""

from __future__ import annotations

import multiprocessing
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from .dataset import TabletopWriter
from .expressions import expressions_for
from .layout import SPLITS
from .renderer import RendererUnavailableError, TabletopRenderer


@dataclass(frozen=True)
class _Shard:
    path: Path
    seed: int
    split: str
    first: int
    last: int
    compact: bool
    variety: float


app = typer.Typer(add_completion=False)
_renderer: TabletopRenderer | None = None


def render_set(
    split: str,
    scenes: int,
    seed: int,
    out: Path,
    shard: int = 250,
    workers: int = 1,
    compact: bool = False,
    variety: float = 0.0,
) -> list[Path]:
    """Render ``scenes`` scenes and return the files.

    ``out`` is a file (``*.zip``), or a folder for shards ``<split>-0000.zip``, ... of ``shard`` scenes each.
    Shards that exist are kept. ``compact`` writes files a third smaller: WebP quality 82, depth in steps of 2 mm.
    ``variety`` is the share of scenes with poses, shades and objects in and on others; the rest are plain.
    Raises RendererUnavailableError without MuJoCo or EGL, and ValueError for an
    unknown split.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is none of {', '.join(SPLITS)}")
    if out.suffix == ".zip":
        out.parent.mkdir(parents=True, exist_ok=True)
        plan = [_Shard(out, seed, split, 0, scenes, compact, variety)]
    else:
        out.mkdir(parents=True, exist_ok=True)
        plan = [
            _Shard(
                out / f"{split}-{number:04d}.zip",
                seed,
                split,
                first,
                min(first + shard, scenes),
                compact,
                variety,
            )
            for number, first in enumerate(range(0, scenes, shard))
        ]
    missing = [item for item in plan if not item.path.exists()]
    with tqdm(total=sum(item.last - item.first for item in missing), unit="scene", file=sys.stderr) as bar:
        if workers == 1:
            for item in missing:
                bar.update(_render_shard(item))
        else:
            # A forked OpenGL context does not work: every worker starts afresh.
            with multiprocessing.get_context("spawn").Pool(workers) as pool:
                for count in pool.imap(_render_shard, missing):
                    bar.update(count)
    return [item.path for item in plan]


def _render_shard(item: _Shard) -> int:
    global _renderer
    if _renderer is None:
        _renderer = TabletopRenderer()
    coding = {"quality": 82, "depth_step": 2} if item.compact else {}
    with TabletopWriter(item.path, seed=item.seed, split=item.split, **coding) as writer:
        for index in range(item.first, item.last):
            scene = _renderer.render_scene(item.seed, item.split, index, item.variety)
            writer.add(replace(scene, expressions=expressions_for(scene, item.seed)))
    return item.last - item.first


@app.command()
def main(
    out: Annotated[Path, typer.Option(help="Folder for shards, or one file ending in .zip.")],
    split: Annotated[str, typer.Option(help=f"One of {', '.join(SPLITS)}: no two share a set.")] = "train",
    scenes: Annotated[int, typer.Option(min=1, help="Number of scenes.")] = 5000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same scenes.")] = 1,
    shard: Annotated[int, typer.Option(min=1, help="Scenes per shard.")] = 250,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    compact: Annotated[bool, typer.Option(help="Smaller files: WebP quality 82, depth in 2 mm steps.")] = False,
    variety: Annotated[
        float, typer.Option(min=0, max=1, help="Share of scenes with poses, shades and objects in others.")
    ] = 0.0,
) -> None:
    """Render a set of simulated tabletop scenes with their truth and expressions."""
    try:
        render_set(split, scenes, seed, out, shard, workers, compact, variety)
    except (RendererUnavailableError, ValueError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    app()
