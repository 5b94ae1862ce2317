"""`git theta test`: a group of commands, each in a module of its own."""

from __future__ import annotations

from importlib import import_module

import click

#: Commands in the order of help: name → one line of help.
COMMANDS = {
    "add": "Register a test: a command, and the models that it's for.",
    "list": "List the tests.",
    "remove": "Remove a test.",
    "run": "Run tests on models, and compare the results.",
    "log": "Show metrics through history.",
}

_EPILOG = """\b
Examples:
  git theta test add accuracy --on 'sst2/*' --metric json:accuracy --max-drop 0.01 -- python eval.py {model}
  git theta test run
  git theta test run accuracy sst2 --rev v1..main
"""


class _TestGroup(click.Group):
    """A group whose commands are imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command's module."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"git_theta.cli.test.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group("test", cls=_TestGroup, epilog=_EPILOG, short_help="Test models, and compare the results.")
def command() -> None:
    """Test models with commands of your own: their metrics through history and along the lineage.

    Tests stand in .theta/tests.toml, which is tracked like code and may be edited by hand. Nothing in it is
    ever run but by commands that say so: git theta test run, bisect, cascade, merge --test, add --guard.
    """
