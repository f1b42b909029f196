"""The documents say what the code does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import tables

from hybridgl_ros import cli

CHECKOUT = Path(__file__).resolve().parents[1]
HELP: dict[str, str] = {}
"""What each command said to --help."""
DOCUMENTS = [
    *CHECKOUT.glob("*.md"),
    *CHECKOUT.glob("docs/**/*.md"),
    *CHECKOUT.glob("training/*.md"),
]


@pytest.mark.parametrize("name", tables.DOCUMENTS)
def test_tables_are_up_to_date(name):
    path = CHECKOUT / name
    text = path.read_text(encoding="utf-8")
    assert tables.updated(text, path.parent) == text, "run: python tools/tables.py"


def test_an_old_table_is_noticed():
    old = "<!-- table: settings -->\n| nothing |\n<!-- end -->"
    assert "fusion.alpha" in tables.updated(old, CHECKOUT)


def test_results_come_from_the_recorded_file(tmp_path):
    names = ["oiou", "miou", "precision_50", "precision_70", "precision_90", "ceiling", "clip_miou"]
    values = {f"{name}{end}": "0.4567" for name in names for end in ("", "_low", "_high")} | {"precision_90": ""}
    columns = {"run": "G2L", "with_target": "7", **values}
    (tmp_path / "a.csv").write_text(f"{','.join(columns)}\n{','.join(columns.values())}\n")
    made = tables.updated("<!-- table: results a.csv -->\nold\n<!-- end -->", tmp_path)
    assert "| G2L | 45.7 (45.7 … 45.7) |" in made and made.endswith("| 7 |\n<!-- end -->")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def shell_lines(path: Path) -> list[list[str]]:
    """The commands of a document's bash blocks, as words; comments and what stands before a command are cut off."""
    blocks = re.findall(r"```bash\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    commands = [part for line in lines for part in re.split(r"\s(?:&&|\|)\s", f" {line} ")]
    return [words for words in (shlex.split(command, comments=True) for command in commands) if words]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_are_ones_that_there_are(path, hybridgl):
    targets = re.findall(r"^([\w-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for words in shell_lines(path):
        match words:
            case ["hybridgl", name, *rest]:
                assert name in cli.COMMANDS, words
                given = {word.partition("=")[0] for word in rest if word.startswith("--")}
                if name not in HELP:
                    HELP[name] = hybridgl(name, "--help")[1]
                assert given <= set(re.findall(r"--[a-z-]+", HELP[name])), words
            case ["make", *rest]:
                assert {word for word in rest if "=" not in word} <= set(targets), words
            case ["ros2", "run", "hybridgl_ros", name, *_]:
                assert (CHECKOUT / "scripts" / name).is_file(), words
            case ["ros2", "launch", "hybridgl_ros", name, *_]:
                assert (CHECKOUT / "launch" / name).is_file(), words
            case ["python", script, *_] if script.endswith(".py"):
                assert (CHECKOUT / script).is_file(), words
            case [program, *_] if program.startswith(("tools/", "docker/")):
                assert (CHECKOUT / program).is_file(), words


def test_a_command_that_there_is_not_is_noticed(tmp_path, hybridgl):
    (tmp_path / "a.md").write_text("```bash\nhybridgl segment a.png b --no-such\n```\n")
    with pytest.raises(AssertionError):
        test_commands_are_ones_that_there_are(tmp_path / "a.md", hybridgl)
