"""segment_image: find what expressions refer to in a picture file, or in every image of a bag.

A picture goes to `hybridgl segment` with all its options. A bag is read offline, frame by frame; each frame's answer is
drawn into a PNG, and a JSON line of each goes to answers.jsonl.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from hybridgl_ros import cli
from hybridgl_ros.commands.running import run
from hybridgl_ros.drawing import draw_answer, verdict, write_image
from hybridgl_ros.errors import DatasetError, ImageError
from hybridgl_ros.evaluation.datasets.bag import stamp_of
from hybridgl_ros.evaluation.datasets.bag_file import COMPRESSED_IMAGE, IMAGE, TOPICS, Bag, Message
from hybridgl_ros.pixels import rgb_pixels
from hybridgl_ros.presentation import record

BAG_SUFFIXES = (".mcap", ".db3", ".bag")


def is_bag(path: Path) -> bool:
    """Whether a path is a recorded bag: a folder, or a file with a bag's suffix."""
    return path.is_dir() or path.suffix in BAG_SUFFIXES


def segment_bag(
    bag: Annotated[Path, typer.Argument(help="Recorded bag: sqlite3, MCAP, or of ROS 1.")],
    expressions: Annotated[list[str], typer.Argument(metavar="EXPRESSION...", help="What to find in each image.")],
    topic: Annotated[str | None, typer.Option(help="Image topic; needed when the bag has several.")] = None,
    config: Annotated[str, typer.Option(help="embedded, photo, or a YAML file.")] = "embedded",
    device: Annotated[str | None, typer.Option(help="Torch device, e.g. cpu or cuda:0.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for overlays and answers.jsonl.")] = Path("answers"),
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many images.")] = None,
) -> None:
    """Find what expressions refer to in the images of a bag."""
    from hybridgl_ros.segmenter import ReferringSegmenter

    source = Bag(bag)
    chosen = topic or only_image_topic(source)
    source.require(chosen, IMAGE, COMPRESSED_IMAGE)
    segmenter = ReferringSegmenter.from_config(config, device=device)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "answers.jsonl").open("w", encoding="utf-8") as lines:
        for number, message in enumerate(source.messages([chosen])):
            if number == limit:
                break
            image = picture_of(message, source)
            scene = segmenter.encode(image)
            for place, answer in enumerate(segmenter.refer(scene, expressions)):
                overlay = out / f"{number:06d}-{place}.png"
                write_image(overlay, draw_answer(image, answer))
                nanoseconds = stamp_of(message.content)
                entry = {"stamp": nanoseconds, "expression": expressions[place], **record(answer, 1)}
                lines.write(json.dumps({**entry, "overlay": overlay.name}) + "\n")
                typer.echo(f"{nanoseconds} {expressions[place]}: {verdict(answer)}")


def picture_of(message: Message, bag: Bag) -> np.ndarray:
    """The picture of a message, H×W×3 uint8 RGB. Raises ImageError naming bag, topic and stamp when it is none."""
    try:
        return rgb_pixels(message.content)
    except ImageError as error:
        raise ImageError(f"{bag.path}: image {stamp_of(message.content)} on {message.topic}: {error}") from error


def only_image_topic(bag: Bag) -> str:
    """The usual image topic, or the only one there is. Raises DatasetError when there is none or a choice."""
    topics = sorted(name for name, kind in bag.topics.items() if kind in (IMAGE, COMPRESSED_IMAGE))
    if TOPICS.image in topics:
        return TOPICS.image
    if len(topics) != 1:
        raise DatasetError(f"{bag.path}: choose the image topic with --topic; there are {', '.join(topics) or 'none'}")
    return topics[0]


def main() -> None:
    """Run the command for a bag when the first argument is one, else `hybridgl segment`."""
    arguments = sys.argv[1:]
    if not any(is_bag(Path(argument)) for argument in arguments[:1]):
        sys.argv.insert(1, "segment")
        cli.main()
        return
    run(typer.run, segment_bag)


if __name__ == "__main__":
    main()
