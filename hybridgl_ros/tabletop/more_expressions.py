"""Further expressions from templates: near, ranks on every axis, negation, plurals, chains, one false clause, …

Text and program are made together from ``more_expressions.yaml``; the oracle says what the program means in the
scene. What it finds unclear, or what does not need its words, is left out. They depend on the scene's truth and a seed
only.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from hybridgl_ros.resources import load_yaml

from .dataset import Expression, TabletopScene
from .expressions import choose
from .grounding import Description, Located, Table, locate, pick
from .oracle import Oracle, Program, Unclear, absence, parts

_TRIES = 20
_ENOUGH = 2
_SALT = 1
_TEMPTING_SHARE = 0.6
_TARGETS, _LANDMARKS, _NAMED = ("a", "d"), ("b", "c"), ("e", "f")
_SLOT = re.compile(r"[$*](\w+)")


@dataclass(frozen=True)
class Rule:
    """One entry of the file's ``rules``, which says what each field means."""

    kind: str
    texts: Sequence[str]
    program: Program
    of: tuple[int, int] = (1, 1)
    redundant: bool = False
    also: Program | None = None
    out: int | None = None
    apart: bool = False
    among: Sequence[str] = ()
    base: int = 0

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """The names of what is filled in."""
        return tuple(dict.fromkeys(_SLOT.findall(str(self.program))))


@dataclass(frozen=True)
class Templates:
    """The whole file. choices: by name, values with the words for them. counts: words for numbers."""

    choices: Mapping[str, Sequence[tuple[Any, Sequence[str]]]]
    counts: Mapping[int, str]
    rules: Sequence[Rule]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every kind, in the order in which a scene's expressions are drawn."""
        return tuple(dict.fromkeys(rule.kind for rule in self.rules))


@dataclass(frozen=True)
class Slot:
    """What stands in a slot: the value in programs, the words in texts, one and many."""

    value: Any
    one: str
    many: str = ""
    item: Located | None = None


@lru_cache
def load_templates() -> Templates:
    """The templates that ship."""
    content = load_yaml(Path(__file__).with_name("more_expressions.yaml").read_text(encoding="utf-8"))
    rules = [Rule(kind, **entry) for kind, entries in content["rules"].items() for entry in entries]
    return Templates(content["choices"], content["counts"], rules)


def more_expressions_for(scene: TabletopScene, seed: int = 1) -> tuple[Expression, ...]:
    """Up to ten further expressions of different kinds for one scene."""
    rng = np.random.default_rng([seed, zlib.crc32(scene.id.encode()), _SALT])
    height, width = scene.instances.shape
    objects = locate(scene.objects, scene.instances)
    oracle = Oracle(objects, width, height, float(scene.intrinsics[1, 1]))
    candidates = [expression for expression, _ in all_more_expressions(oracle, Table(objects, width, height, rng))]
    return choose(candidates, rng, load_templates().kinds)


def all_more_expressions(oracle: Oracle, table: Table) -> Iterator[tuple[Expression, Program]]:
    """A few expressions of each rule, drawn at random, with the programs that mean the same."""
    for rule in load_templates().rules:
        found = 0
        for _ in range(_TRIES):
            made = attempt(rule, oracle, table)
            if made is not None:
                yield made
                found += 1
            if found == _ENOUGH:
                break


def attempt(rule: Rule, oracle: Oracle, table: Table) -> tuple[Expression, Program] | None:
    """One random filling of a rule; None when it is unclear, or says too much or too little."""
    slots = fill(rule, table)
    if slots is None:
        return None
    program = substitute(rule.program, slots)
    words, _ = parts(program)
    try:
        found = oracle.run(program)
        if not rule.of[0] <= len(found) <= rule.of[1]:
            return None
        if rule.also is not None and oracle.run(substitute(rule.also, slots)) != found:
            return None
        base = oracle.run([[word for word in words if not word.startswith("!")] or ["thing"]])
    except Unclear:
        return None
    landmarks = [slot.item for slot in slots.values() if slot.item is not None]
    if len(base) < rule.base:
        return None
    if found and len(base) == len(found) and not rule.redundant:
        return None
    if rule.out is not None and len(base) - len(found) != rule.out:
        return None
    if any(item in found or (rule.apart and item in base) for item in landmarks):
        return None
    tags = tuple(dict.fromkeys(tag_of(name, slot) for name, slot in slots.items() if name in load_templates().choices))
    if not found:
        tags = (absence([item.truth for item in table.objects], program), *tags)
    text = spoken(pick(table.rng, rule.texts), slots, len(found))
    return Expression.naming((item.truth.instance for item in found), text, rule.kind, tags), program


def fill(rule: Rule, table: Table) -> dict[str, Slot] | None:
    """Random contents of the slots of a rule; None when nothing fits one, or two of them say the same."""
    slots: dict[str, Slot] = {}
    for name in rule.slots:
        slot = draw(name, table, rule.among if name == "b" else ())
        if slot is None or any(slot.value == other.value for other in slots.values()):
            return None
        slots[name] = slot
    return slots


def draw(name: str, table: Table, among: Sequence[str]) -> Slot | None:
    """Random contents of one slot; None when nothing fits it."""
    rng = table.rng
    if name in (*_LANDMARKS, *_NAMED):
        unique = [entry for entry in table.unique if not among or entry[0].shape in among]
        if not unique:
            return None
        wanted, item = unique[int(rng.integers(len(unique)))]
        return described(wanted, rng, item if name in _LANDMARKS else None)
    if name in _TARGETS:
        return described(table.kinds[int(rng.integers(len(table.kinds)))][0], rng)
    if name == "missing":
        missing, tempting = table.missing
        pool = tempting if tempting and rng.random() < _TEMPTING_SHARE else missing
        return described(pool[int(rng.integers(len(pool)))], rng) if pool else None
    if name in ("shape", "colour"):
        word = getattr(table.objects[int(rng.integers(len(table.objects)))].truth, name)
        return Slot(word, word, f"{word}s")
    choices = load_templates().choices[name]
    value, words = choices[int(rng.integers(len(choices)))]
    return Slot(value, pick(rng, words))


def described(wanted: Description, rng: np.random.Generator, item: Located | None = None) -> Slot:
    """A slot that holds a description; item: the object that it stands for."""
    phrase = wanted.phrase(rng)
    return Slot(words_of(wanted), phrase, f"{phrase}s", item)


def words_of(wanted: Description) -> list[str]:
    """A description as the words of a program."""
    return [word for word in (wanted.size, wanted.colour, wanted.shape) if word] or ["thing"]


def substitute(template: Any, slots: Mapping[str, Slot]) -> Any:
    """A program with the slots' values in their places."""
    if isinstance(template, str):
        negated, name = template[:1] == "!", template.lstrip("!$")
        if "$" not in template:
            return template
        return f"!{slots[name].value}" if negated else slots[name].value
    if not isinstance(template, list):
        return template
    filled: list[Any] = []
    for entry in template:
        if isinstance(entry, str) and entry.startswith("*"):
            filled += slots[entry[1:]].value
        else:
            filled.append(substitute(entry, slots))
    return filled


def spoken(text: str, slots: Mapping[str, Slot], count: int) -> str:
    """A text with the slots' words in their places."""
    counts = load_templates().counts
    many = {f"{name}s": slot.many for name, slot in slots.items()}
    return text.format(count=counts.get(count, str(count)), **{name: slot.one for name, slot in slots.items()}, **many)


def tag_of(name: str, slot: Slot) -> str:
    """The tag that tells which choice an expression made."""
    value = slot.value
    return f"{name}:{' '.join(map(str, value)) if isinstance(value, list) else value}"
