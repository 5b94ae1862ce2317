"""The command line: one module for each command, imported when the command runs."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from git_theta.errors import explained, traceback_lines
from git_theta.git.plumbing.environment import make_folders_absolute
from git_theta.runtime.output import warn
from git_theta.runtime.suggest import did_you_mean
from git_theta.version import __version__

#: Commands in the order of help: name → one line of help.
COMMANDS = {
    "install": "Set Git up to use git-theta, once per user.",
    "uninstall": "Undo `git theta install`.",
    "track": "Track checkpoints by pattern, or list the patterns.",
    "untrack": "Stop tracking a pattern.",
    "migrate": "Convert files to git-theta, or back.",
    "add": "Add a checkpoint as updates that you give.",
    "status": "Show what changed, parameter by parameter.",
    "diff": "Show what changed between versions, by parameter.",
    "show": "Show a checkpoint's parameters and what they cost.",
    "run": "Run a command that makes models, and record how.",
    "rerun": "Run a model's recorded command again, and compare.",
    "cascade": "Make models again from updated ones.",
    "lineage": "Show and record which model came from which.",
    "test": "Test models, and compare the results.",
    "log": "Show which commits changed which parameters.",
    "blame": "Show which commit last changed each parameter.",
    "bisect": "Find the version of a model that broke it.",
    "merge": "Merge branches, with a strategy for the models.",
    "combine": "Combine models into a new file, without commits.",
    "export": "Write a model in another format.",
    "resolve": "Settle a checkpoint in conflict.",
    "merge-tool": "Decide interactively about a checkpoint in conflict.",
    "fetch": "Fetch objects from a remote.",
    "pull": "Fetch and write checkpoints of a lazy clone.",
    "push": "Send objects to a remote.",
    "ls-files": "List tracked checkpoints.",
    "checkout": "Write checkpoints that are still manifests in the work tree.",
    "fsck": "Check every object and every value.",
    "prune": "Delete local objects that can be fetched again.",
    "compact": "Choose bases anew for everything stored.",
    "du": "Show what this repository's objects cost.",
    "plugins": "List formats, updates, strategies and remotes.",
    "env": "Show versions and settings, for a bug report.",
    "demo": "Try git-theta on a real model in a new repository.",
}

#: The variable by which a shell asks the program `git-theta` for completions.
_COMPLETE = "_GIT_THETA_COMPLETE"

#: The exit code of a program that SIGPIPE ended.
_BROKEN_PIPE = 141

#: Commands that Git and hooks run; help doesn't list them.
PLUMBING = ("clean", "smudge", "hook", "diff-driver", "merge-driver")


class LazyGroup(click.Group):
    """A group whose commands are imported only when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command's module: `ls-files` is `git_theta.cli.ls_files:command`."""
        if cmd_name not in COMMANDS and cmd_name not in PLUMBING:
            return None
        module = import_module(f"git_theta.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the closest command for an unknown one."""
        name = args[0]
        if name not in COMMANDS and name not in PLUMBING and not name.startswith("-"):
            ctx.fail(f"there's no command {name!r}; {did_you_mean(name, COMMANDS)}".rstrip("; "))
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Documentation of a command: git theta COMMAND --help",
)
@click.version_option(__version__, prog_name="git-theta")
def cli() -> None:
    """Version machine-learning models with Git, parameter by parameter.

    After `git theta install` and `git theta track '*.safetensors'`, ordinary git commands do the work.
    """


def main(args: Sequence[str]) -> int:
    """Run a command; errors become messages and exit codes here and nowhere else."""
    try:
        make_folders_absolute(os.environ)
        # Completions are for a program of one word; with two, they would replace those of `git`.
        name = "git-theta" if _COMPLETE in os.environ else "git theta"
        result: Any = cli.main(list(args), prog_name=name, complete_var=_COMPLETE, standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        text = io.StringIO()
        error.show(text)
        warn(*text.getvalue().splitlines())
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        warn("interrupted")
        return 130
    except BrokenPipeError:
        # The reader, such as `head`, has enough. Python would fail again when it flushes what is buffered.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return _BROKEN_PIPE
    except Exception as error:
        known = explained(error)
        warn(*(f"error: {known.lines[0]}", *known.lines[1:], *traceback_lines(error)))
        return known.exit_code
