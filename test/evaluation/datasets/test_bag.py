"""Bags of both storages, written and read through files; no ROS needed."""

from __future__ import annotations

import io
import pickle
import re
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets import open_dataset
from hybridgl_ros.evaluation.datasets.bag import frames_of
from hybridgl_ros.evaluation.datasets.bag_file import (
    CAMERA_INFO,
    IMAGE,
    SECOND,
    STRING,
    Bag,
    Frame,
    Topics,
    write_bag,
)

STORE = get_typestore(Stores.ROS2_JAZZY)
TYPES = STORE.types
DATA_FILES = {"sqlite3": "*.db3", "mcap": "*.mcap"}


def image_message(pixels: np.ndarray, encoding: str, stamp: int, padding: int = 0):
    """An Image whose rows end in `padding` bytes of rubbish."""
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(len(pixels), -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=201)
    time = TYPES["builtin_interfaces/msg/Time"](sec=stamp // SECOND, nanosec=stamp % SECOND)
    header = TYPES["std_msgs/msg/Header"](stamp=time, frame_id="cam")
    return TYPES[IMAGE](
        header=header, height=pixels.shape[0], width=pixels.shape[1], encoding=encoding, is_bigendian=0,
        step=rows.shape[1], data=rows.ravel(),
    )  # fmt: skip


def text(words: str):
    return TYPES[STRING](data=words)


def record(path: Path, *messages: tuple, storage: StoragePlugin = StoragePlugin.SQLITE3) -> Path:
    """A bag of (topic, type, bag time, message)."""
    with Writer(path, version=8, storage_plugin=storage) as writer:
        connections = {}
        for topic, kind, time, message in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
            writer.write(connections[topic], time, STORE.serialize_cdr(message, kind))
    return path


def frames(*expressions: str) -> list[Frame]:
    generator = np.random.default_rng(0)
    made = []
    for number, expression in enumerate(expressions):
        mask = np.zeros((20, 30), bool)
        mask[number : number + 4, 5:15] = True
        image = generator.integers(0, 256, (20, 30, 3), dtype=np.uint8)
        made.append(Frame(SECOND * (number + 5) + number, image, expression, mask))
    return made


@pytest.mark.parametrize("storage", ["sqlite3", "mcap"])
@pytest.mark.parametrize("compressed", [False, True])
def test_what_is_written_is_read_back_exactly(tmp_path, storage, compressed):
    written = frames("the cup", "the cup", "the ball")
    write_bag(written, tmp_path / "bag", storage=storage, compressed=compressed)
    dataset = open_dataset("bag", root=tmp_path / "bag")
    assert [(sample.id, sample.expression) for sample in dataset.samples] == [
        (str(frame.stamp), frame.expression) for frame in written
    ]
    for sample, frame in zip(dataset.samples, written, strict=True):
        assert np.array_equal(dataset.image(sample.image_id), frame.image)
        assert np.array_equal(dataset.mask(sample), frame.mask)
    assert dataset.images[dataset.samples[0].id].frame_id == "camera"
    assert dataset.unscored == 0


def test_a_single_file_is_a_bag_too(tmp_path):
    for storage, pattern in DATA_FILES.items():
        write_bag(frames("the cup"), tmp_path / storage, storage=storage)
        (file,) = (tmp_path / storage).glob(pattern)
        assert len(open_dataset("bag", root=file).samples) == 1


@pytest.mark.parametrize("storage", ["sqlite3", "mcap"])
@pytest.mark.parametrize("identifier", ["''", "", "sqlite3", "mcap"])
def test_the_storage_is_told_by_the_file_not_by_its_name_in_the_metadata(tmp_path, storage, identifier):
    written = frames("the cup")
    write_bag(written, tmp_path / "bag", storage=storage)
    metadata = tmp_path / "bag" / "metadata.yaml"
    text, changes = re.subn(r"storage_identifier: \w+", f"storage_identifier: {identifier}", metadata.read_text())
    assert changes == 1
    metadata.write_text(text)
    dataset = open_dataset("bag", root=tmp_path / "bag")
    assert np.array_equal(dataset.image(dataset.samples[0].id), written[0].image)


NOETIC = get_typestore(Stores.ROS1_NOETIC)


def ros1_header(stamp: int):
    time = NOETIC.types["builtin_interfaces/msg/Time"](sec=stamp // SECOND, nanosec=stamp % SECOND)
    return NOETIC.types["std_msgs/msg/Header"](seq=4033700195, stamp=time, frame_id="cam")


def record_ros1(path: Path, written: list[Frame]) -> Path:
    """The frames, a camera info and a topic of a type of the robot's own, as rosbag of ROS 1 has them."""
    with Ros1Writer(path) as writer:

        def write(topic: str, kind: str, time: int, **content) -> None:
            known = [connection for connection in writer.connections if connection.topic == topic]
            connection = known[0] if known else writer.add_connection(topic, kind, typestore=NOETIC)
            writer.write(connection, time, NOETIC.serialize_ros1(NOETIC.types[kind](**content), kind))

        own = writer.add_connection("/own", "my_msgs/msg/Own", msgdef="garbage in [every line", md5sum="0" * 32)
        for frame in written:
            write("/expression", STRING, frame.stamp - 10, data=frame.expression)
            writer.write(own, frame.stamp - 5, b"rubbish")
            for topic, pixels, encoding in (
                ("/image", frame.image, "rgb8"),
                ("/ground_truth", frame.mask.astype(np.uint8), "mono8"),
            ):
                write(topic, IMAGE, frame.stamp, header=ros1_header(frame.stamp), height=20, width=30,
                      encoding=encoding, is_bigendian=0, step=pixels.nbytes // 20, data=pixels.ravel())  # fmt: skip
            region = NOETIC.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
            matrix = np.arange(9.0)
            write("/camera_info", CAMERA_INFO, frame.stamp, header=ros1_header(frame.stamp), height=20, width=30,
                  distortion_model="plumb_bob", D=np.ones(5), K=matrix, R=matrix[::-1].copy(), P=np.arange(12.0),
                  binning_x=0, binning_y=0, roi=region)  # fmt: skip
    return path


def test_a_bag_of_ros_1_is_read_as_one_of_ros_2(tmp_path):
    written = frames("the cup", "the ball")
    dataset = open_dataset("bag", root=record_ros1(tmp_path / "old.bag", written))
    assert [(sample.id, sample.expression) for sample in dataset.samples] == [
        (str(frame.stamp), frame.expression) for frame in written
    ]
    for sample, frame in zip(dataset.samples, written, strict=True):
        assert np.array_equal(dataset.image(sample.image_id), frame.image)
        assert np.array_equal(dataset.mask(sample), frame.mask)
    infos = list(dataset.bag.messages(["/camera_info"]))
    for info in (infos[0].content, STORE.deserialize_cdr(infos[0].cdr(), CAMERA_INFO)):
        assert (info.header.frame_id, info.k.tolist(), info.r[0]) == ("cam", list(range(9)), 8.0)
        assert not hasattr(info.header, "seq")
    for message in dataset.bag.messages(["/image", "/expression"]):
        content = STORE.deserialize_cdr(message.cdr(), dataset.bag.topics[message.topic])
        assert np.array_equal(content.data, message.content.data)


@pytest.mark.parametrize("storage", list(StoragePlugin))
def test_topics_that_are_not_read_may_be_of_any_type(tmp_path, storage):
    path = tmp_path / "bag"
    with Writer(path, version=8, storage_plugin=storage) as writer:
        own = writer.add_connection("/own", "my_msgs/msg/Own", msgdef="garbage in [every line", rihs01="RIHS01_0")
        writer.write(own, 3, b"rubbish")
        for topic, kind, time, message in (PICTURE, WORDS, TRUTH):
            connection = writer.add_connection(topic, kind, typestore=STORE)
            writer.write(connection, time, STORE.serialize_cdr(message, kind))
    assert len(open_dataset("bag", root=path).samples) == 1
    with pytest.raises(DatasetError, match="bag: topic /own is of type my_msgs/msg/Own, which is not known"):
        list(Bag(path).messages(["/own"]))


def test_a_type_of_another_definition_is_named(tmp_path):
    with Writer(tmp_path / "bag", version=8) as writer:
        connection = writer.add_connection("/expression", STRING, msgdef="int64 data\n", rihs01="RIHS01_0")
        writer.write(connection, 3, b"rubbish")
    with pytest.raises(DatasetError, match="bag: topic /expression is of a std_msgs/msg/String of another definition"):
        list(Bag(tmp_path / "bag").messages(["/expression"]))


def test_a_frame_with_an_orientation_is_scored_as_it_was_stored(tmp_path):
    """Phones turned on their side write such JPEGs; the truth was drawn over the picture that the sensor has."""
    picture, written = PIL.Image.new("RGB", (6, 4), (9, 90, 200)), io.BytesIO()
    tags = picture.getexif()
    tags[0x0112] = 6
    picture.save(written, "jpeg", exif=tags)
    kind = "sensor_msgs/msg/CompressedImage"
    data = np.frombuffer(written.getvalue(), np.uint8)
    message = TYPES[kind](header=PICTURE[3].header, format="jpeg", data=data)
    dataset = open_dataset("bag", root=record(tmp_path / "bag", ("/image", kind, 10, message), WORDS, TRUTH))
    assert dataset.images["1"].size == (4, 6)
    assert dataset.image("1").shape == (4, 6, 3)


def test_a_worker_reads_for_itself(tmp_path):
    write_bag(frames("the cup", "the ball"), tmp_path / "bag")
    dataset = open_dataset("bag", root=tmp_path / "bag")
    again = pickle.loads(pickle.dumps(dataset))
    assert again.samples == dataset.samples
    assert np.array_equal(again.image(again.samples[1].id), dataset.image(again.samples[1].id))


def test_a_scene_brings_depth_and_intrinsics(tabletop, tmp_path):
    assert write_bag(frames_of(tabletop), tmp_path / "bag", storage="mcap") == 12
    bag = Bag(tmp_path / "bag")
    assert bag.topics["/camera_info"] == "sensor_msgs/msg/CameraInfo"
    info = next(bag.messages(["/camera_info"])).content
    assert info.k.reshape(3, 3).tolist() == tabletop.scene("s.0").intrinsics.tolist()
    depth = next(bag.messages(["/depth"])).content
    values = depth.data.view(np.uint16).reshape(depth.height, depth.width)
    assert depth.encoding == "16UC1"
    assert np.unique(values[:3]) == [0]
    assert np.unique(values[3:]) == [750]
    dataset = open_dataset("bag", root=tmp_path / "bag")
    assert [sample.has_target for sample in dataset.samples] == [s.has_target for s in tabletop.samples]


def test_a_bag_with_registered_depth_has_geometry(tabletop, tmp_path):
    write_bag(frames_of(tabletop), tmp_path / "bag", storage="mcap", frame_id="optical")
    dataset = open_dataset("bag", root=tmp_path / "bag")
    sample, truth = dataset.samples[5], tabletop.samples[5]
    found, real = dataset.geometry(sample.image_id), tabletop.geometry(truth.image_id)
    assert np.array_equal(found.intrinsics, real.intrinsics)
    assert np.allclose(found.depth, real.depth, atol=0.0006, equal_nan=True)
    assert found.depth.dtype == np.float32


def test_a_bag_without_depth_has_no_geometry(tmp_path):
    write_bag(frames("a", "b"), tmp_path / "bag", storage="mcap")
    dataset = open_dataset("bag", root=tmp_path / "bag")
    assert dataset.geometry(dataset.samples[0].image_id) is None


def test_expressions_are_written_before_their_frame_and_only_when_they_change(tmp_path):
    written = frames("a", "a", "b", "a")
    write_bag(written, tmp_path / "bag")
    messages = list(Bag(tmp_path / "bag").messages(["/expression", "/image"]))
    order = [message.content.data if message.topic == "/expression" else "-" for message in messages]
    assert order == ["a", "-", "-", "b", "-", "a", "-"]
    assert all(earlier.time < later.time for earlier, later in pairwise(messages))


def recorded_live(tmp_path: Path, storage: StoragePlugin = StoragePlugin.SQLITE3) -> Path:
    """Bag times lag the stamps, truths come late and out of order, rows are padded, other topics are there."""
    image = np.arange(20 * 30 * 3, dtype=np.uint8).reshape(20, 30, 3)
    mask = np.zeros((20, 30), np.uint8)
    mask[3:6, 4:9] = 1
    return record(
        tmp_path / "live",
        ("/cam", IMAGE, 90, image_message(image, "bgr8", 50)),
        ("/words", STRING, 100, text("the cup")),
        ("/cam", IMAGE, 110, image_message(image, "bgr8", 60, padding=7)),
        ("/chatter", STRING, 115, text("hello")),
        ("/cam", IMAGE, 120, image_message(image, "bgr8", 70)),
        ("/words", STRING, 120, text("the ball")),
        ("/cam", IMAGE, 130, image_message(image, "bgr8", 80)),
        ("/true", IMAGE, 140, image_message(0 * mask, "mono8", 70)),
        ("/true", IMAGE, 150, image_message(mask, "mono8", 60, padding=2)),
        ("/true", IMAGE, 160, image_message(mask, "mono8", 50)),
        ("/true", IMAGE, 170, image_message(mask, "mono8", 999)),
        storage=storage,
    )


LIVE = Topics(image="/cam", expression="/words", truth="/true")


@pytest.mark.parametrize("storage", list(StoragePlugin))
def test_truths_match_by_stamp_and_expressions_by_bag_time(tmp_path, storage):
    dataset = open_dataset("bag", root=recorded_live(tmp_path, storage), topics=LIVE)
    # 50 was recorded before any expression, 80 has no truth, and no image is stamped 999.
    assert [(sample.id, sample.expression, sample.has_target) for sample in dataset.samples] == [
        ("60", "the cup", True),
        ("70", "the ball", False),
    ]
    assert dataset.unscored == 2
    mask = dataset.mask(dataset.samples[0])
    assert mask.sum() == 15
    assert mask[3:6, 4:9].all()
    expected = np.arange(20 * 30 * 3, dtype=np.uint8).reshape(20, 30, 3)[..., ::-1]
    assert np.array_equal(dataset.image("60"), expected)


def test_a_missing_topic_is_answered_with_those_there_are(tmp_path):
    path = recorded_live(tmp_path)
    with pytest.raises(DatasetError, match=r"live: no topic /image; there are /cam \(sensor_msgs/msg/Image\), /cha"):
        open_dataset("bag", root=path)


@pytest.mark.parametrize(
    ("topics", "message"),
    [
        (Topics("/words", "/words", "/true"), r"/words is of type std_msgs/msg/String, wanted .*/Image or .*Compr"),
        (Topics("/cam", "/cam", "/true"), r"/cam is of type sensor_msgs/msg/Image, wanted std_msgs/msg/String"),
        (Topics("/cam", "/words", "/chatter"), r"/chatter is of type std_msgs/msg/String, wanted sensor_msgs"),
    ],
)
def test_a_topic_of_another_type_is_named(tmp_path, topics, message):
    with pytest.raises(DatasetError, match=message):
        open_dataset("bag", root=recorded_live(tmp_path), topics=topics)


SMALL = np.zeros((4, 6, 3), np.uint8)
PICTURE = ("/image", IMAGE, 10, image_message(SMALL, "rgb8", 1))
WORDS = ("/expression", STRING, 5, text("the cup"))
TRUTH = ("/ground_truth", IMAGE, 10, image_message(SMALL[..., 0], "mono8", 1))
CUT = image_message(SMALL, "rgb8", 1)
CUT.data = CUT.data[:-1]


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ((PICTURE, WORDS), "no topic /ground_truth"),
        ((PICTURE, ("/expression", STRING, 11, text("late")), TRUTH), "nothing to score"),
        ((PICTURE, WORDS, ("/ground_truth", IMAGE, 10, image_message(SMALL[..., 0], "mono8", 2))), "nothing to sco"),
        ((PICTURE, WORDS, TRUTH, ("/expression", STRING, 20, text(" "))), "an empty expression on /expression at 20"),
        ((PICTURE, WORDS, TRUTH, PICTURE), "two images on /image are stamped 1 ns"),
        ((PICTURE, WORDS, TRUTH, TRUTH), "two masks on /ground_truth are stamped 1 ns"),
        (
            (PICTURE, WORDS, ("/ground_truth", IMAGE, 9, image_message(SMALL[1:, :, 0], "mono8", 1))),
            "is 6×3, its image 6×4",
        ),
        ((PICTURE, WORDS, ("/ground_truth", IMAGE, 9, image_message(SMALL, "rgb8", 1))), "is rgb8, not mono8"),
        ((("/image", IMAGE, 9, CUT), WORDS, TRUTH), "image 1 on /image: 71 bytes of data"),
        ((("/image", IMAGE, 9, image_message(SMALL, "hsv8", 1)), WORDS, TRUTH), "image 1 on /image: encoding 'hsv8'"),
    ],
)  # fmt: skip
def test_a_bag_that_cannot_be_scored_says_why(tmp_path, messages, message):
    path = record(tmp_path / "bag", *messages)
    with pytest.raises(DatasetError, match=rf"bag: .*{message}"):
        open_dataset("bag", root=path)


def test_a_damaged_compressed_image_is_named(tmp_path):
    kind = "sensor_msgs/msg/CompressedImage"
    message = TYPES[kind](header=PICTURE[3].header, format="jpeg", data=np.arange(50, dtype=np.uint8))
    path = record(tmp_path / "bag", ("/image", kind, 10, message), WORDS, TRUTH)
    with pytest.raises(DatasetError, match="bag: image 1 on /image: compressed image is damaged"):
        open_dataset("bag", root=path)


@pytest.mark.parametrize("storage", ["sqlite3", "mcap"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_truncated_bag_is_named(tmp_path, storage, share):
    write_bag(frames(*"abcdefgh"), tmp_path / "bag", storage=storage)
    (file,) = (tmp_path / "bag").glob(DATA_FILES[storage])
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(DatasetError, match=r"bag: .*(truncated|damaged)"):
        open_dataset("bag", root=tmp_path / "bag")


def test_a_bag_that_ends_before_its_metadata_says_is_named(tmp_path):
    write_bag(frames("a", "b"), tmp_path / "short")
    write_bag(frames("a", "b", "c"), tmp_path / "long")
    (short,), (long,) = ((tmp_path / name).glob("*.db3") for name in ("short", "long"))
    shutil.copy(short, long)
    with pytest.raises(DatasetError, match="long: truncated: 6 messages of 9"):
        open_dataset("bag", root=tmp_path / "long")


def test_no_bag_is_named(tmp_path):
    with pytest.raises(DatasetError, match="none: no such bag"):
        open_dataset("bag", root=tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"empty: .*metadata"):
        open_dataset("bag", root=tmp_path / "empty")
    (tmp_path / "notes.txt").write_text("no bag")
    with pytest.raises(DatasetError, match=r"notes.txt: not a bag"):
        open_dataset("bag", root=tmp_path / "notes.txt")


def test_what_cannot_be_written_is_refused(tmp_path):
    first, second = frames("a", "b")
    with pytest.raises(DatasetError, match="sqlite3 or mcap, not 'rosbag'"):
        write_bag([first], tmp_path / "bag", storage="rosbag")
    with pytest.raises(DatasetError, match="does not come after"):
        write_bag([second, first], tmp_path / "bag")
    with pytest.raises(DatasetError, match="exists already"):
        write_bag([first], tmp_path / "bag")
    with pytest.raises(DatasetError, match=r"mask \(20, 30\), image \(19, 30\)"):
        write_bag([Frame(1, first.image[1:], "a", first.mask)], tmp_path / "other")
