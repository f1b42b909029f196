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
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from .dataset import Expression, TabletopScene
from .expressions import choose
from .grounding import Description, Located, Table, locate, pick
from .oracle import Oracle, Program, Unclear, parts, wrong_noun

WRONG_NOUN, FALSE_CLAUSE = "wrong noun", "one clause false"
"""Tags of expressions for which there is nothing: no such thing at all, or none that the rest is true of."""

_TRIES = 25
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
    content = yaml.safe_load(Path(__file__).with_name("more_expressions.yaml").read_text(encoding="utf-8"))
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
        base = oracle.run([[word for word in words if not word.startswith("!")] or ["thing"]])
        agrees = rule.also is None or oracle.run(substitute(rule.also, slots)) == found
    except Unclear:
        return None
    landmarks = [slot.item for slot in slots.values() if slot.item is not None]
    if not (rule.of[0] <= len(found) <= rule.of[1] and agrees and len(base) >= rule.base):
        return None
    if found and len(base) == len(found) and not rule.redundant:
        return None
    if rule.out is not None and len(base) - len(found) != rule.out:
        return None
    if any(item in found or (rule.apart and item in base) for item in landmarks):
        return None
    tags = tuple(dict.fromkeys(tag_of(name, slot) for name, slot in slots.items() if name in load_templates().choices))
    if not found:
        truths = [item.truth for item in table.objects]
        tags = (WRONG_NOUN if wrong_noun(truths, program) else FALSE_CLAUSE, *tags)
    text = spoken(pick(table.rng, rule.texts), slots, len(found))
    return Expression.naming((item.truth.instance for item in found), text, rule.kind, tags), program


def fill(rule: Rule, table: Table) -> dict[str, Slot] | None:
    """Random contents of the slots of a rule; None when nothing fits one, or two landmarks are the same."""
    slots: dict[str, Slot] = {}
    for name in dict.fromkeys(_SLOT.findall(str(rule.program))):
        options = options_of(name, table, rule.among if name == "b" else ())
        if not options:
            return None
        value, words, item = options[int(table.rng.integers(len(options)))]
        if isinstance(words, Description):
            phrase = words.phrase(table.rng)
            slots[name] = Slot(value, phrase, f"{phrase}s", item)
        else:
            word = pick(table.rng, words)
            slots[name] = Slot(value, word, f"{word}s")
    things = [str(slot.value) for name, slot in slots.items() if name in (*_TARGETS, *_LANDMARKS, *_NAMED)]
    return slots if len(set(things)) == len(things) else None


def options_of(name: str, table: Table, among: Sequence[str]) -> list[tuple[Any, Any, Located | None]]:
    """What a slot can hold: the value, the description or words, and the object if it stands for one landmark."""
    if name in _TARGETS:
        return [(words_of(wanted), wanted, None) for wanted, _ in table.kinds]
    if name in (*_LANDMARKS, *_NAMED):
        return [
            (words_of(wanted), wanted, item if name in _LANDMARKS else None)
            for wanted, item in table.unique
            if not among or wanted.shape in among
        ]
    if name in ("shape", "colour"):
        return [(word, [word], None) for word in sorted({getattr(item.truth, name) for item in table.objects})]
    if name == "missing":
        missing, tempting = table.missing
        pool = tempting if tempting and table.rng.random() < _TEMPTING_SHARE else missing
        return [(words_of(wanted), wanted, None) for wanted in pool]
    return [(value, words, None) for value, words in load_templates().choices[name]]


def words_of(wanted: Description) -> list[str]:
    """A description as the words of a program."""
    return [word for word in (wanted.size, wanted.colour, wanted.shape) if word] or ["thing"]


def substitute(template: Any, slots: Mapping[str, Slot]) -> Any:
    """A program with the slots' values in their places."""
    if isinstance(template, str):
        name = template.lstrip("!$")
        if not template.startswith(("$", "!$")):
            return template
        return f"!{slots[name].value}" if template.startswith("!") else slots[name].value
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
