"""Pages of the documentation's reference, made from messages, settings and docstrings when mkdocs builds the site.

mkdocs calls the functions whose names start with `on_` (`hooks` of mkdocs.yml). Nothing of the package is imported: the
site can be built where it is not installed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
LIBRARY = CHECKOUT / "hybridgl_ros"
# What programs that use the library meet: modules, and names in them (none: all public ones).
PUBLIC: dict[str, tuple[str, ...]] = {
    "segmenter": ("ReferringSegmenter",),
    "types": (),
    "config": ("load_config", "replace", "values_of", "preset_values"),
    "errors": (),
    "models/registry": ("Checkpoint", "checkpoints", "find_checkpoint"),
    "models/download": ("download",),
    "ros/common/client": (),
}
SHORT = 80
FIELD = re.compile(r"^(?P<type>[\w/]+(?:\[\d*\])?)\s+(?P<name>\w+)(?:\s*=\s*(?P<value>.*))?$")
LIBRARY_HEADING = """# The library

What programs call. `from hybridgl_ros import ReferringSegmenter` is the usual start; errors derive from
`HybridGLError`.
"""
NODES_HEADING = """# Nodes and their parameters

The [settings](../settings.md) of the method are parameters of `segment_node`, too, under their dotted names.
"""


def messages_page() -> str:
    """Every message and service with the comments of its file."""
    lines = ["# Messages and service", ""]
    for file in [*sorted(CHECKOUT.glob("srv/*.srv")), *sorted(CHECKOUT.glob("msg/*.msg"))]:
        lines += [f"## {file.stem}", "", f"`hybridgl_ros/{file.suffix[1:]}/{file.stem}`", ""]
        lines += interface(file.read_text(encoding="utf-8"))
    return "\n".join(lines)


def interface(text: str) -> Iterator[str]:
    """A message's or service's text as Markdown: the comments before a field belong to it."""
    comments: list[str] = []
    parts = ["Request", "Answer"] if "\n---" in text else []
    if parts:
        # What stands before the first field's own comment is about the whole.
        head, _, text = text.partition("\n\n")
        yield from (*spoken(head.splitlines()), "", f"### {parts.pop(0)}", "")
    for line in [*text.splitlines(), ""]:
        field = FIELD.match(line.partition("#")[0].strip())
        if line.strip() == "---":
            yield from ("", f"### {parts.pop(0)}", "")
        elif line.startswith("#"):
            comments.append(line)
        elif field:
            value = f" = {field['value']}" if field["value"] else ""
            yield f"`{field['name']}{value}` · `{field['type']}`"
            yield from (f":   {said}" if place == 0 else f"    {said}" for place, said in enumerate(spoken(comments)))
            yield ""
            comments = []
        elif not line and comments:
            yield from (*spoken(comments), "")
            comments = []


def spoken(comments: list[str]) -> list[str]:
    """Comment lines without their signs."""
    return [line.lstrip("#").strip() for line in comments]


def library_page() -> str:
    """Signature and docstring of every public class and function of the modules in PUBLIC."""
    lines = [LIBRARY_HEADING]
    for name, chosen in PUBLIC.items():
        tree = ast.parse((LIBRARY / f"{name}.py").read_text(encoding="utf-8"))
        lines += [f"## hybridgl_ros.{name.replace('/', '.')}", "", prose(ast.get_docstring(tree) or ""), ""]
        for node in tree.body:
            if not chosen or getattr(node, "name", "") in chosen:
                lines += described(node, 3)
    return "\n".join(lines)


def described(node: ast.stmt, level: int) -> Iterator[str]:
    """A public class or function with a docstring, and a class's methods below it."""
    if not isinstance(node, (ast.ClassDef, ast.FunctionDef)) or node.name.startswith("_"):
        return
    text = ast.get_docstring(node)
    if not text:
        return
    yield f"{'#' * level} {node.name}"
    yield ""
    if isinstance(node, ast.FunctionDef):
        yield from ("```python", signature(node), "```", "")
    yield from (prose(text), "")
    if isinstance(node, ast.ClassDef):
        yield from fields(node)
        for child in node.body:
            yield from described(child, level + 1)


def signature(node: ast.FunctionDef) -> str:
    """A function's head, broken where it is long; of a property its name and type."""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    if any(isinstance(entry, ast.Name) and entry.id == "property" for entry in node.decorator_list):
        return f"{node.name}{returns.replace(' -> ', ': ')}"
    arguments = re.sub(r"^(self|cls)(, )?", "", ast.unparse(node.args))
    arguments = re.sub(r"(: (?:[^=,\[]|\[[^\]]*\])*[^=, ])=", r"\1 = ", arguments)
    if len(arguments) < SHORT:
        return f"{node.name}({arguments}){returns}"
    inner = re.sub(r", (?=\w+: |\*)", ",\n    ", arguments)
    return f"{node.name}(\n    {inner},\n){returns}"


def fields(node: ast.ClassDef) -> Iterator[str]:
    """Names and types of a dataclass's fields, as code."""
    found = [entry for entry in node.body if isinstance(entry, ast.AnnAssign)]
    if found:
        yield from ("```python", *(ast.unparse(entry) for entry in found), "```", "")


def prose(text: str) -> str:
    """A docstring as Markdown: `<` would open a tag, and an indented example wants an empty line before it."""
    return re.sub(r"(\n\S[^\n]*:)\n(?= {4}\S)", r"\1\n\n", text.replace("<", "&lt;"))


def command_page() -> str:
    """Each command's docstring and options."""
    tree = ast.parse((LIBRARY / "cli.py").read_text(encoding="utf-8"))
    (value,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "COMMANDS"
    ]
    commands: dict[str, str] = ast.literal_eval(value)
    lines = ["# The command", "", "`hybridgl NAME --help` says the same. Exit code 2: an error, told in a line.", ""]
    shared = {**aliases("options"), **aliases("dataset_options"), **aliases("recordings")}
    for name in commands:
        module = ast.parse((LIBRARY / "commands" / f"{name}.py").read_text(encoding="utf-8"))
        (function,) = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == name]
        lines += [f"## hybridgl {name}", "", prose(ast.get_docstring(function) or ""), ""]
        lines += options(function, {**shared, **own_aliases(module)})
    return "\n".join(lines)


def aliases(name: str) -> dict[str, ast.expr]:
    return own_aliases(ast.parse((LIBRARY / "commands" / f"{name}.py").read_text(encoding="utf-8")))


def own_aliases(module: ast.Module) -> dict[str, ast.expr]:
    """What a module calls by a name: the options that several commands share."""
    return {
        node.targets[0].id: node.value
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def options(function: ast.FunctionDef, known: dict[str, ast.expr]) -> Iterator[str]:
    """A table of the arguments and options of a command."""
    rows = []
    for argument in function.args.args:
        annotation = argument.annotation
        if isinstance(annotation, ast.Name):
            annotation = known.get(annotation.id)
        if annotation is None:
            continue
        for call in [node for node in ast.walk(annotation) if isinstance(node, ast.Call)]:
            if isinstance(call.func, ast.Attribute) and call.func.attr in ("Option", "Argument"):
                rows.append(f"| {option_name(argument.arg, call)} | {option_help(call)} |")
    if rows:
        yield from ("| option | meaning |", "|---|---|", *rows, "")


def option_name(parameter: str, call: ast.Call) -> str:
    """How an option or argument is written on the command line."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    shown = text_of(keywords.get("metavar"))
    if isinstance(call.func, ast.Attribute) and call.func.attr == "Argument":
        return f"`{shown or parameter.upper()}`"
    names = [name for name in map(text_of, call.args) if name.startswith("-")]
    return f"`{', '.join(names) or '--' + parameter.replace('_', '-')}{f' {shown}' if shown else ''}`"


def text_of(node: ast.expr | None) -> str:
    """A literal text; empty for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def option_help(call: ast.Call) -> str:
    """The help text; what stands in braces in it is known at run time only."""
    texts = [keyword.value for keyword in call.keywords if keyword.arg == "help"]
    found = "".join(text_of(node) for text in texts for node in ast.walk(text) if isinstance(node, ast.expr))
    return found.replace("|", "&#124;")


def nodes_page() -> str:
    """The README's section about the nodes, with its tables."""
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    section = text[text.index("### What the node does") : text.index("## As a library")]
    section = re.sub(r"\[docs/(\w+)\.md\]", r"[\1]", section.replace("### What", "## What", 1))
    return f"{NODES_HEADING}\n{section.replace('](docs/', '](../')}"


PAGES: dict[str, Callable[[], str]] = {
    "reference/messages.md": messages_page,
    "reference/library.md": library_page,
    "reference/command.md": command_page,
    "reference/nodes.md": nodes_page,
}


def on_files(files: Any, config: Any) -> Any:
    """mkdocs: put the made pages among those that lie in docs/."""
    from mkdocs.structure.files import File

    for name, make in PAGES.items():
        files.append(File.generated(config, name, content=make()))
    return files
