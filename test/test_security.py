"""What SECURITY.md promises: names stay names, nothing is unpickled, nothing is fetched."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import torch

from hybridgl_ros.config import find_named, load_config, replace
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.resources import config_directory
from hybridgl_ros.settings import descriptions

LIBRARY = Path(__file__).resolve().parents[1] / "hybridgl_ros"
# Strings that are neither one of some choices nor the name of a file or checkpoint, and what checks them.
FREE = {"models.device", "models.spacy", "membership.prompt"}
NAMES = [
    name
    for name, entry in descriptions().items()
    if (entry.type is str or str in get_args(entry.type)) and not entry.choices and name not in FREE
]
# Whoever opens a connection, in Python's library and in what is installed beside; and who may: the command that
# downloads, and the one that shares an evaluation among machines.
NETWORK = re.compile(r"(urllib\.request|http\.client|socket|ftplib|requests|httpx|aiohttp|urllib3)(\.|$)")
FETCHES = {"models/download.py", "evaluation/ray_runner.py"}
# Modules that read pickles, with a reader that admits plain data only; one writes them.
PICKLES = {
    "evaluation/datasets/refer_pickle.py",
    "evaluation/datasets/refer_writing.py",
    "models/state.py",
    "models/torchscript.py",
}
LEADING_AWAY = ["../secret", "x/../../secret", "/etc/secret", "..", ".", "", "secret.yaml/../../x", "a\0b", "a" * 300]


def imports_of(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def modules() -> dict[str, Path]:
    return {str(file.relative_to(LIBRARY)): file for file in LIBRARY.rglob("*.py")}


def test_settings_that_name_something_are_known() -> None:
    assert set(NAMES) == {"models.sam", "models.clip", "text.rules", "membership.bank"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", LEADING_AWAY)
def test_no_setting_leads_out_of_its_folder(name: str, value: str) -> None:
    with pytest.raises(ConfigError):
        load_config("embedded", overrides={name: value})
    if not name.startswith("models."):
        with pytest.raises(ConfigError):
            replace(load_config("embedded"), {name: value})


@pytest.mark.parametrize("value", LEADING_AWAY[:-1])
def test_no_preset_leads_out_of_its_folder(tmp_path, monkeypatch, value: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="no configuration 'presets/|names no preset"):
        load_config("embedded", preset=value or ".")


def test_a_file_that_lies_outside_is_not_even_read(tmp_path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text("password: [unclosed")
    away = os.path.relpath(secret.with_suffix(""), config_directory() / "membership")
    assert (config_directory() / "membership" / f"{away}.yaml").exists()
    with pytest.raises(ConfigError) as caught:
        find_named("membership", away)
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("prompt", ["a photo", "{0}", "{:>9999999999}", "{", ""])
def test_a_prompt_without_a_place_for_the_words_is_refused(prompt: str) -> None:
    with pytest.raises(ConfigError, match=r"membership\.prompt"):
        replace(load_config("embedded"), {"membership.prompt": prompt})


def test_a_prompt_is_text_and_no_format() -> None:
    from hybridgl_ros.language.bank import load_bank
    from hybridgl_ros.scorers.recognition import Vocabulary

    class Text:
        def knows(self, word: str) -> bool:
            return word == "cup"

        def encode(self, texts: list[str]):
            asked.extend(texts)
            return torch.ones(len(texts), 2)

    asked: list[str] = []
    Vocabulary(Text(), load_bank("everyday"), "{0.__class__} {:>99} {}", 1.0).encode(["spoon"])
    assert asked[-1] == "{0.__class__} {:>99} spoon"


def test_only_two_commands_can_reach_the_network() -> None:
    found = {name for name, file in modules().items() if any(map(NETWORK.match, imports_of(file)))}
    assert found == FETCHES


def test_only_guarded_readers_know_pickles() -> None:
    found = {name for name, file in modules().items() if imports_of(file) & {"pickle", "dill", "joblib", "shelve"}}
    assert found == PICKLES
    for name, file in modules().items():
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            said = ast.unparse(call.func)
            assert said not in ("eval", "exec", "pickle.load", "pickle.loads", "os.system"), f"{name}: {said}"
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            if said == "torch.load":
                assert options.get("weights_only") == "True", name
            if said in ("np.load", "numpy.load"):
                assert options.get("allow_pickle") == "False", name
            assert options.get("shell") != "True", name


WITHOUT_NETWORK = """
import socket, sys
def refuse(*arguments, **options):
    raise SystemExit(f"a connection was wanted: {arguments}")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import numpy as np
from hybridgl_ros import ReferringSegmenter
segmenter = ReferringSegmenter.from_config("embedded")
print(segmenter.refer(segmenter.encode(np.zeros((48, 64, 3), np.uint8)), "the red cube").found)
"""


def test_the_library_answers_without_a_connection() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_NETWORK], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("True", "False")
