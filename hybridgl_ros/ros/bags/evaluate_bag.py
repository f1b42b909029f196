"""evaluate_bag: score a recorded bag, offline through the library, or online through the running segment_node.

Offline every frame is answered, with the files of `hybridgl evaluate` as the result. Online the bag is played with its
timing; online.json then tells also how long answers take and which frames are left out, and whether both agree.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import rclpy
import typer
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args

from hybridgl_ros.commands.dataset_options import Limit, TopicPairs, topics_of
from hybridgl_ros.commands.evaluate import evaluate
from hybridgl_ros.commands.running import INTERRUPTED, run
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.cache import default_cache
from hybridgl_ros.evaluation.datasets.bag import BagDataset
from hybridgl_ros.evaluation.datasets.bag_file import TOPICS
from hybridgl_ros.evaluation.online import OnlineResult, compare, read_offline, score
from hybridgl_ros.evaluation.online_results import print_online, write_online
from hybridgl_ros.evaluation.output import write_all
from hybridgl_ros.evaluation.plan import DEFAULT_METHOD, method_runs
from hybridgl_ros.evaluation.runner import Job, fingerprint, run_job
from hybridgl_ros.evaluation.samples import Sample
from hybridgl_ros.evaluation.screen import plain_console
from hybridgl_ros.ros.bags.online_evaluation import OnlineEvaluation
from hybridgl_ros.ros.common.dds import use_dds_profile
from hybridgl_ros.ros.common.interruption import Interruption
from hybridgl_ros.settings import Config

BAD_ARGUMENTS = (rclpy_implementation.RCLError, rclpy_implementation.UnknownROSArgsError)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def evaluate_bag(
    bag: Annotated[Path, typer.Argument(help="Recorded bag (sqlite3, MCAP, or of ROS 1) with a truth mask topic.")],
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("evaluation"),
    topics: TopicPairs = None,
    config: Annotated[str | None, typer.Option(help="Offline: embedded, photo, or a YAML file.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="Offline: robot, paper or official, instead of the file's.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Offline: change a setting; may be repeated."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Offline: torch device, e.g. cpu or cuda:0.")] = None,
    limit: Limit = None,
    threads: Annotated[int, typer.Option(min=1, help="Offline: CPU threads.")] = 1,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Offline: neither read nor write the cache.")] = False,
    overwrite: Annotated[bool, typer.Option(help="Offline: lose results of another run in the folder.")] = False,
    online: Annotated[bool, typer.Option("--online", help="Play the bag into the running segment_node.")] = False,
    node: Annotated[str, typer.Option(help="Online: full name of the segment_node.")] = "/segment_node",
    rate: Annotated[
        float, typer.Option(min=0.001, help="Online: times as fast as recorded; inf: without any pause.")
    ] = 1.0,
    timeout: Annotated[float, typer.Option(min=0.0, help="Online: seconds to wait for the node.")] = 300.0,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Online: evaluate offline, too, under the node's settings, and compare."),
    ] = False,
    reference: Annotated[
        Path | None,
        typer.Option("--compare", help="Online: folder of offline results to compare with; else those in --out."),
    ] = None,
) -> None:
    """Score a bag: offline, or with --online through the running node.

    ROS arguments go last, e.g. --ros-args -r image:=/camera/image. Exit code 130 when it ended early.
    """
    if not online:
        if offline or reference:
            raise ConfigError("--offline and --compare belong to --online; offline is what is done without it")
        evaluate("bag", out, bag, topics=topics, config=config, preset=preset, changes=changes, device=device,
                 limit=limit, threads=threads, no_cache=no_cache, overwrite=overwrite)  # fmt: skip
        return
    if config or preset or changes or device:
        raise ConfigError("--config, --preset, --set and --device are offline ones; the running node has its own")
    if math.isnan(rate) or math.isnan(timeout):
        raise ConfigError("--rate and --timeout want numbers")
    dataset = BagDataset(bag, topics_of(topics or []) or TOPICS)
    entries = None if offline else read_reference(dataset, reference, out)
    facts = {"bag": str(bag), "node": node, "rate": rate if math.isfinite(rate) else None}
    with Interruption() as interruption:
        result, settings = play(dataset, dataset.samples[:limit], node, rate, timeout, interruption)
        # At once: what follows may take long, and be interrupted.
        path = write_online(result, None, facts, out)
    ended_early = interruption.noted or not result.complete
    if offline and not ended_early:
        cache = None if no_cache else default_cache()
        job = Job({dataset.split: dataset}, method_runs(settings, [DEFAULT_METHOD], {}), cache, limit, threads)
        write_all(run_job(job, out, overwrite=overwrite), f"{bag.name} · under the settings of {node}", out)
        entries = read_reference(dataset, out, out)
    agreement = None if entries is None else compare(result.scored, entries)
    write_online(result, agreement, facts, out)
    print_online(result, agreement, f"{bag.name} · {node}, played at {rate:g}×", plain_console())
    typer.echo(f"online results: {path}")
    if ended_early:
        raise typer.Exit(INTERRUPTED)


def play(
    dataset: BagDataset,
    samples: Sequence[Sample],
    node: str,
    rate: float,
    timeout: float,
    interruption: Interruption,
) -> tuple[OnlineResult, Config]:
    """Play the bag into the node up to the last sample's image; the scored replies, and the node's settings."""
    # Ctrl-C is to end the playing, not the connection: the node gets its mode back.
    use_dds_profile()
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    evaluation: OnlineEvaluation | None = None
    try:
        evaluation = OnlineEvaluation(dataset, interruption, node, timeout)
        typer.echo(f"waiting for {node} and its models")
        evaluation.wait_until_ready()
        settings = evaluation.node_config()
        typer.echo(f"playing {dataset.bag.path}")
        replies, playback = evaluation.play(rate, dataset.images[samples[-1].image_id].time + 1)
        return score(samples, dataset.mask, replies, playback), settings
    finally:
        if evaluation is not None:
            evaluation.close()
        rclpy.try_shutdown()


def read_reference(dataset: BagDataset, folder: Path | None, out: Path) -> list[dict[str, Any]] | None:
    """The offline results to compare with: those of the folder that is named, else those of `out` if there are."""
    if folder is None and not (out / "results.json").exists():
        return None
    return read_offline(folder or out, dataset.split, fingerprint(dataset))


def without_ros_arguments(arguments: list[str]) -> list[str]:
    """The command's own arguments. Raises ConfigError for ROS arguments that rclpy would not take."""
    try:
        return remove_ros_args(args=arguments)
    except BAD_ARGUMENTS as error:
        raise ConfigError(f"after --ros-args: {error}") from None


def main() -> None:
    """Run the command."""
    run(lambda: app(args=without_ros_arguments(sys.argv[1:]), prog_name="evaluate_bag"))


if __name__ == "__main__":
    main()
