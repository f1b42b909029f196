"""The `hybridgl` command: the commands of `hybridgl_ros/commands`, put together."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import typer

from hybridgl_ros.commands.running import run
from hybridgl_ros.threads import quiet_waiting

COMMANDS = {
    "segment": "Find what expressions refer to in a picture.",
    "models": "List the checkpoints: size, licence, and where each one is.",
    "settings": "List every setting with its range and its value in each preset.",
    "download": "Bring weights into the cache.",
    "evaluate": "Score a method on a data set, beside what the paper reports.",
    "compare": "Put finished evaluations side by side: differences, intervals, disagreements.",
    "calibrate": "Fit what makes probabilities of scores, on a labelled set.",
    "export": "Write a data set in another format: JSONL, the REFER layout, or a bag.",
    "doctor": "Look for what keeps this package from working here, and say what cures it.",
}
"""What the overview says of each command. Its module is imported when it is called: no other command waits for it."""

app = typer.Typer(
    help="Find what an expression refers to in a picture.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def forward(name: str) -> Callable[[typer.Context], None]:
    """A command that hands its arguments on to the function of its name in the module of its name."""

    def forwarded(context: typer.Context) -> None:
        command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        command.command()(getattr(import_module(f"hybridgl_ros.commands.{name}"), name))
        command(context.args, prog_name=context.command_path)

    return forwarded


for _name, _text in COMMANDS.items():
    app.command(
        _name,
        help=_text,
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(forward(_name))


def main() -> None:
    """Run the command."""
    quiet_waiting()
    run(app)


if __name__ == "__main__":
    main()
