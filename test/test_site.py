"""The documentation's site: it builds without a warning, and what is made for it says what the code has."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import reference_pages as pages
import yaml

from hybridgl_ros import cli

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    if importlib.util.find_spec("mkdocs") is None or importlib.util.find_spec("material") is None:
        pytest.skip("mkdocs-material is not installed (extra docs)")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=CHECKOUT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Addresses(HTMLParser):
    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        loaded = tag in ("img", "script") or (tag == "link" and dict(attrs).get("rel") == "stylesheet")
        self.found += [value for name, value in attrs if loaded and name in ("src", "href") and value]


def test_every_page_is_built_and_loads_nothing_from_elsewhere(site):
    built = {path.relative_to(site) for path in site.rglob("*.html")}
    sources = {path.relative_to(CHECKOUT / "docs") for path in (CHECKOUT / "docs").rglob("*.md")}
    assert {path.with_suffix(".html") for path in sources} <= built
    for page in site.rglob("*.html"):
        for address in Addresses(page).found:
            assert not re.match(r"(https?:)?//", address), f"{page.name}: {address}"
            assert page.name == "404.html" or (page.parent / address.partition("?")[0]).exists(), address


def test_every_page_of_the_navigation_is_one_that_lies_there_or_is_made():
    class Loader(yaml.SafeLoader):
        pass

    def leaves(entry):
        values = entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else ()
        return [entry] if isinstance(entry, str) else [leaf for value in values for leaf in leaves(value)]

    named = leaves(yaml.load((CHECKOUT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)["nav"])
    there = {str(path.relative_to(CHECKOUT / "docs")) for path in (CHECKOUT / "docs").rglob("*.md")}
    assert set(named) == there | set(pages.PAGES) and len(named) == len(set(named))


def test_the_messages_have_every_field_with_its_comment():
    made = pages.messages_page()
    for file in [*CHECKOUT.glob("msg/*.msg"), *CHECKOUT.glob("srv/*.srv")]:
        assert f"## {file.stem}\n" in made
        for line in file.read_text(encoding="utf-8").splitlines():
            text = line.strip()
            if text.startswith("#"):
                assert text.lstrip("# ") in made
            elif text and text != "---":
                kind, name = text.partition("#")[0].split("=")[0].split()
                assert f"`{name}" in made and f"`{kind}`" in made


def test_the_command_s_page_has_every_option(hybridgl):
    sections = dict(re.findall(r"## hybridgl (\w+)\n(.*?)(?=\n## |\Z)", pages.command_page(), re.DOTALL))
    assert sections.keys() == cli.COMMANDS.keys()
    for name, section in sections.items():
        _, out, _ = hybridgl(name, "--help")
        options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", out)) - {"--help"}
        assert {option for option in options if not option.startswith("--no-")} <= set(
            re.findall(r"--[a-z][a-z-]+", section)
        ), name


def test_the_library_s_page_has_signatures_without_self_and_examples_as_code():
    made = pages.library_page()
    assert "### ReferringSegmenter" in made and "#### encode" in made and "### HybridGLError" in made
    assert "self" not in re.findall(r"```python\n(.*?)```", made, re.DOTALL)[0]
    assert "Example:\n\n    segmenter" in made


def test_a_service_s_fields_go_to_their_half():
    text = '# Whole.\n\n# Of a.\nint32 a\nstring KIND = "x"\n---\n# Of b,\n# two lines.\nfloat32[] b\n'
    made = "\n".join(pages.interface(text))
    assert made.index("Whole.") < made.index("### Request") < made.index("`a`") < made.index("### Answer")
    assert ":   Of b,\n    two lines." in made and '`KIND = "x"` · `string`' in made
