"""Typed access to one file of the vocabulary; every mistake is a ConfigError that names the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from hybridgl_ros.config import read_yaml
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.language.patterns import Slot, compile_pattern
from hybridgl_ros.language.query import AXES, RELATIONS


class Section:
    """One file's entries, checked as they are taken."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ConfigError(f"{path}: no such file")
        self._path = path
        self._content = read_yaml(path)

    def fail(self, message: str) -> NoReturn:
        raise ConfigError(f"{self._path}: {message}")

    def entry(self, name: str) -> Any:
        if name not in self._content:
            self.fail(f"no entry {name!r}")
        return self._content[name]

    def table(self, name: str) -> Mapping[Any, Any]:
        value = self.entry(name)
        if not isinstance(value, Mapping):
            self.fail(f"{name} wants a mapping, got {value!r}")
        return value

    def texts(self, name: str) -> dict[str, str]:
        """A table of strings."""
        table = self.table(name)
        for key, value in table.items():
            if not isinstance(key, str) or not isinstance(value, str):
                self.fail(f"{name} wants words (quote yes, no, on and off), got {key!r}: {value!r}")
        return dict(table)

    def rows(self, value: Any, name: str) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            self.fail(f"{name} wants a list of words (quote yes, no, on and off), got {value!r}")
        return value

    def words(self, name: str) -> frozenset[str]:
        return frozenset(self.rows(self.entry(name), name))

    def groups(self, name: str) -> dict[str, frozenset[str]]:
        """A table of lists: group → words."""
        return {str(key): frozenset(self.rows(value, f"{name}.{key}")) for key, value in self.table(name).items()}

    def classes_of(self, name: str) -> dict[str, str]:
        """A table of lists, turned round: word → group."""
        return {word: group for group, words in self.groups(name).items() for word in words}

    def number(self, name: str, low: float, high: float) -> Any:
        value = self.entry(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.fail(f"{name} wants a number, got {value!r}")
        if not low <= value <= high:
            self.fail(f"{name}: {value} is outside {low} … {high}")
        return value

    def relations(self, name: str) -> dict[str, str]:
        """A table whose values are kinds of relation."""
        table = self.texts(name)
        self.among(table.values(), RELATIONS, name)
        return table

    def end(self, value: Any) -> tuple[str, str]:
        """An axis and one of its ends: "x left"."""
        axis, _, end = str(value).partition(" ")
        if end not in AXES.get(axis, ()):
            self.fail(f"{value!r} is no axis with one of its ends")
        return axis, end

    def ends(self, name: str) -> dict[str, tuple[str, str]]:
        return {str(key): self.end(value) for key, value in self.table(name).items()}

    def among(self, values: Iterable[Any], allowed: Iterable[str], name: str) -> None:
        unknown = sorted(set(map(str, values)) - set(allowed))
        if unknown:
            self.fail(f"{name}: unknown {', '.join(unknown)}")

    def patterns(self, value: Any, name: str, classes: Mapping[str, Iterable[str]]) -> Iterator[list[Slot]]:
        for pattern in self.rows(value, name):
            try:
                yield compile_pattern(pattern, classes)
            except ValueError as error:
                self.fail(str(error))
