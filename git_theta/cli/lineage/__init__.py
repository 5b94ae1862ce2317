"""`git theta lineage`: a group of commands, each in a module of its own."""

from __future__ import annotations

from importlib import import_module

import click

#: Commands in the order of help: name → one line of help.
COMMANDS = {
    "show": "Show the graph, or the models around one.",
    "add": "Record what a model was made from.",
    "remove": "Take parents out of a model's record.",
    "edit": "Edit a model's record as text.",
    "path": "Show how two models are related.",
    "common": "Show the nearest common ancestors of two models.",
    "infer": "Find likely parents by the models' parameters.",
    "verify": "Check what is said against the bytes.",
    "log": "Show the derivations of a model through history.",
    "export": "Write the lineage for other programs.",
}

_EPILOG = """\b
Examples:
  git theta lineage
  git theta lineage sst2/model.safetensors --ancestors
  git theta lineage add sst2/model.safetensors --from base/model.safetensors --relation finetune
  git theta lineage path sst2 mnli
"""


class _LineageGroup(click.Group):
    """A group whose commands are imported when they run; without a command's name, it's `show`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command's module."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"git_theta.cli.lineage.{cmd_name}").command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `show` before words that don't begin with the name of a command."""
        if not args or (args[0] not in COMMANDS and args[0] not in ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    "lineage", cls=_LineageGroup, epilog=_EPILOG, short_help="Show and record which model came from which."
)
def command() -> None:
    """Show and record which model came from which.

    Without the name of a command, the graph is shown. A model is named by its path: that of its file, of its
    folder, or of the index of its shards.

    What a model was made from is in its record, a text below .theta/lineage that is tracked like code.
    Versions of a model aren't in it: Git's history has them.
    """
