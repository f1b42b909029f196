"""What a bag is stored in, told by its content: MCAP or SQLite 3 alone or in a folder, or a ROS 1 file; and its types.

Only the messages that are asked for are converted; what else a bag holds may be of types that nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from rosbags.convert.converter import migrate_message
from rosbags.interfaces import Connection
from rosbags.rosbag1 import Reader as Ros1Reader
from rosbags.rosbag2.errors import ReaderError
from rosbags.rosbag2.reader import DirectoryReader, McapReader, Sqlite3Reader
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from hybridgl_ros.errors import DatasetError

# First bytes of a file: its reader.
READERS: dict[bytes, Callable[[Path], Any]] = {
    b"\x89MCAP0\r\n": McapReader,
    b"SQLite format 3\0": Sqlite3Reader,
    b"#ROSBAG V": Ros1Reader,
}
LONGEST = max(map(len, READERS))
# ROS 1 publishers that do not say which definition they follow.
ANY_DEFINITION = ("", "*")


def file_reader(path: Path) -> Any:
    """The reader of a single file. Raises ReaderError when it is of no known kind."""
    with path.open("rb") as file:
        start = file.read(LONGEST)
    for magic, reader in READERS.items():
        if start.startswith(magic):
            return reader(path)
    raise ReaderError(f"{path.name} is neither MCAP nor SQLite 3 nor a ROS 1 bag")


class FolderReader(DirectoryReader):
    """A bag folder whose metadata may leave the storage open, as some recorders do; the files tell it anyway."""

    STORAGE_PLUGINS: Mapping[Any, Any] = dict.fromkeys((*DirectoryReader.STORAGE_PLUGINS, "", None), file_reader)


class Storage:
    """An open bag. Raises FileNotFoundError, or what the parser, SQLite or the decompressor raise, when it is damaged.

    connections: of its topics, with message type and count.
    """

    def __init__(self, path: Path) -> None:
        self._reader = FolderReader(path) if path.is_dir() else file_reader(path)
        self._reader.open()
        self._ros1 = isinstance(self._reader, Ros1Reader)
        self.connections: list[Connection] = list(self._reader.connections)

    def messages(
        self, connections: list[Connection], start: int | None, stop: int | None
    ) -> Iterator[tuple[Connection, int, Any, Callable[[], bytes | memoryview]]]:
        """Connection, bag time, the message as ROS 2 has it, and what gives its CDR bytes."""
        for connection in connections:
            check_definition(connection, self._ros1)
        theirs, ours = types_of(self._ros1), types_of(ros1=False)
        plans: dict[str, object] = {}
        for connection, time, data in self._reader.messages(connections=connections, start=start, stop=stop):
            kind = connection.msgtype
            if self._ros1:
                content = migrate_message(theirs, ours, kind, kind, plans, theirs.deserialize_ros1(data, kind))
                yield connection, time, content, partial(ours.serialize_cdr, content, kind)
            else:
                yield connection, time, ours.deserialize_cdr(data, kind), partial(bytes, data)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


@cache
def types_of(ros1: bool) -> Typestore:
    """The common message types; those that are read here have not changed within ROS 1 or within ROS 2."""
    return get_typestore(Stores.ROS1_NOETIC if ros1 else Stores.ROS2_JAZZY)


def check_definition(connection: Connection, ros1: bool) -> None:
    """Raise DatasetError when a topic's type is unknown, or defined otherwise than everywhere else."""
    types, kind = types_of(ros1), connection.msgtype
    if kind not in types.fielddefs:
        raise DatasetError(f"topic {connection.topic} is of type {kind}, which is not known here")
    known = types.generate_msgdef(kind)[1] if ros1 else types.hash_rihs01(kind)
    if connection.digest not in (known, *ANY_DEFINITION):
        raise DatasetError(f"topic {connection.topic} is of a {kind} of another definition ({connection.digest})")
