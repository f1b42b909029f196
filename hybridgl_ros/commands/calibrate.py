"""`hybridgl calibrate`: a labelled set in, settings of the weights and a reliability curve out."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.progress import track

from hybridgl_ros.commands.checks import check_models, local_path, make_folder
from hybridgl_ros.commands.dataset_options import (
    DatasetName,
    Images,
    Limit,
    Root,
    SkipMissing,
    SplitBy,
    Splits,
    TopicPairs,
    open_splits,
)
from hybridgl_ros.commands.options import Changes, ConfigName, Device, Preset, overrides_of
from hybridgl_ros.config import load_config
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.models.registry import calibrations_path, find_checkpoint, write_calibration

if TYPE_CHECKING:
    from hybridgl_ros.evaluation.calibrate import Calibrated, Labelled

TUNED_ON = {"tabletop": "validation"}
"""The split to calibrate on where a data set's usual one is for testing."""
OUTPUTS = (".yaml", ".yml", ".json")


def calibrate(
    dataset: DatasetName,
    root: Root = None,
    split: Splits = None,
    split_by: SplitBy = None,
    images: Images = None,
    topics: TopicPairs = None,
    expressions: Annotated[
        list[str] | None,
        typer.Option(
            "--expressions", help="Tabletop: templates, more, people or fresh; may be repeated; templates by default."
        ),
    ] = None,
    skip_missing: SkipMissing = False,
    config: ConfigName = "embedded",
    preset: Preset = None,
    changes: Changes = None,
    device: Device = None,
    limit: Limit = None,
    no_depth: Annotated[bool, typer.Option("--no-depth", help="Leave out the depth that the data set has.")] = False,
    keep: Annotated[
        float, typer.Option(min=0.5, max=1.0, help="Share of the right answers that the threshold keeps.")
    ] = 0.97,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=local_path,
            metavar="FILE",
            help="A configuration (.yaml) to write, or a model card (.json) whose settings to change, instead of the "
            "user's calibrations.",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(parser=local_path, metavar="FOLDER", help="Also write calibration.json and reliability.svg here."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    cache: Annotated[
        Path | None, typer.Option(parser=local_path, metavar="FOLDER", help="Folder of cached image stages.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Neither read nor keep cached image stages.")] = False,
) -> None:
    """Fit what makes probabilities of scores on a labelled set, and write it as settings of the weights.

    Fits temperature and bias of nouns and attributes, what each kind of clause tells about whether anything is meant,
    temperature and bias of answers, and the threshold under which nothing was found. The curve and the figures are of
    the half of the images that a first fit has not seen; the settings are fitted on all.
    """
    loaded = load_config(config, preset=preset, overrides=overrides_of(changes, device))
    if out is not None and out.suffix not in OUTPUTS:
        raise ConfigError(f"--out {out}: wants a name that ends in {', '.join(OUTPUTS)}")
    if out is not None and out.suffix == ".json" and not out.is_file():
        raise ConfigError(f"--out {out}: there is no such model card")
    if split is None and root is None and dataset in TUNED_ON:
        split = [TUNED_ON[dataset]]
    named = dict.fromkeys(expressions) if expressions else [None]
    opened: dict[str, Any] = {}
    for asked in named:
        splits = open_splits(
            dataset,
            split,
            root,
            split_by=split_by,
            images=images,
            topics=topics,
            expressions=asked,
            limit=limit,
            skip_missing=skip_missing,
        )
        if len(splits) != 1:
            raise ConfigError("--split: one split is enough to calibrate on")
        opened[asked or dataset] = next(iter(splits.values()))
    check_models(loaded)
    for folder, option in ((out and out.parent, "--out"), (report, "--report"), (cache, "--cache")):
        if folder is not None:
            make_folder(folder, option)
    import torch

    from hybridgl_ros.evaluation.cache import default_cache
    from hybridgl_ros.evaluation.calibrate import Labelled
    from hybridgl_ros.evaluation.calibrate import calibrate as fit
    from hybridgl_ros.segmenter import ReferringSegmenter

    torch.set_num_threads(threads)
    labelled = Labelled(opened, limit, not no_depth)
    with ExitStack() as stack:
        folder = cache or default_cache()
        if no_cache:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found = fit(ReferringSegmenter.load(loaded), labelled, folder, keep, progress)
    checkpoint = find_checkpoint(loaded.models.clip, "clip")
    if out is None:
        path = calibrations_path()
        write_calibration(checkpoint, found.settings, path)
    elif out.suffix == ".json":
        path = out
        write_card(out, found.settings)
    else:
        path = out
        write_configuration(out, config, preset, found.settings)
    if report is not None:
        write_report(report, found, labelled)
    show(found, Console(markup=False, highlight=False, soft_wrap=True))
    typer.echo(f"written: {path}")


def progress(items: Iterable[str], text: str) -> Iterable[str]:
    """A bar on the terminal's error stream."""
    console = Console(stderr=True)
    return track(list(items), text, console=console, disable=not console.is_terminal)


def show(found: Calibrated, console: Console) -> None:
    """The settings, the reliability curve and what the threshold does."""
    for name, value in found.settings.items():
        console.print(f"{name}: {json.dumps(value)}")
    console.print(
        f"fitted on {found.phrases} pairs of phrase and object and {found.answers} answers; on the half held apart:"
    )
    for name, quality in found.apart.items():
        console.print(
            f"{name}: {quality.answers} answers, ECE {percent(quality.curve.error)}, AUROC {percent(quality.auroc)}, "
            f"right answers kept {percent(quality.kept)}, absent refused {percent(quality.refused)}"
        )
    curve = found.apart["all"].curve
    for count, predicted, observed in zip(curve.counts, curve.predicted, curve.observed, strict=True):
        console.print(f"  says {percent(float(predicted))}, is right {percent(float(observed))} ({count} answers)")


def percent(value: float) -> str:
    return "–" if value != value else f"{100 * value:.1f} %"


def write_card(path: Path, settings: dict[str, Any]) -> None:
    """Change the settings of a model card; everything else stays."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        card["settings"] = {**card.get("settings", {}), **settings}
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"--out {path}: not readable as a model card: {error}") from error
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(part, path)


def write_configuration(path: Path, config: str, preset: str | None, settings: dict[str, Any]) -> None:
    """What was calibrated on, with the fitted settings, as a configuration."""
    from hybridgl_ros.config import find_file, read_yaml

    content = read_yaml(find_file(config))
    if preset is not None:
        content["preset"] = preset
    for name, value in settings.items():
        section, entry = name.split(".")
        content.setdefault(section, {})[entry] = value
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")


def write_report(folder: Path, found: Calibrated, labelled: Labelled) -> None:
    """calibration.json and reliability.svg."""
    from hybridgl_ros.evaluation.figures import reliability_figure
    from hybridgl_ros.evaluation.results import write_whole

    content = {
        "settings": found.settings,
        "phrases": found.phrases,
        "answers": found.answers,
        "sets": {name: f"{dataset.name} {dataset.split}" for name, dataset in labelled.datasets.items()},
        "limit": labelled.limit,
        "depth": labelled.depth,
        "apart": {
            name: {
                "answers": quality.answers,
                "ece": quality.curve.error,
                "auroc": None if quality.auroc != quality.auroc else quality.auroc,
                "kept": None if quality.kept != quality.kept else quality.kept,
                "refused": None if quality.refused != quality.refused else quality.refused,
                "curve": [
                    {"answers": int(count), "says": float(said), "right": float(right)}
                    for count, said, right in zip(
                        quality.curve.counts, quality.curve.predicted, quality.curve.observed, strict=True
                    )
                ],
            }
            for name, quality in found.apart.items()
        },
    }
    write_whole(folder / "calibration.json", json.dumps(content, indent=1) + "\n")
    write_whole(folder / "reliability.svg", reliability_figure(found.apart["all"].curve))
