"""`git theta env`."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from git_theta.cli.render import print_json
from git_theta.errors import ThetaError
from git_theta.git.install.hooks import HookState, hook_states
from git_theta.git.install.push_check import has_configured_hook, push_problem
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.git_version import CONFIGURED_HOOKS, OLDEST, dotted, has_version, version_text
from git_theta.git.remote.remotes import describe_location, fetch_remotes, orphan_notice, orphaned_settings
from git_theta.git.repository import gitattributes
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.stronger_lines import described, encoding_lines
from git_theta.report.text import human_size
from git_theta.runtime.output import say, without_passwords
from git_theta.version import __version__

_PACKAGES = ("numpy", "ml-dtypes", "zstandard", "blake3", "msgpack", "click", "rich", "torch")


@click.command("env", short_help="Show versions and settings, for a bug report.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Show versions, settings and the state of this repository, to paste into a bug report."""
    found = environment()
    if as_json:
        print_json(found)
        return
    for section, values in found.items():
        say(f"[{section}]")
        for key, value in values.items():
            say(f"{key} = {value}")


def environment() -> dict[str, dict[str, str]]:
    """Versions, settings and state for a bug report, by section, without passwords and tokens in URLs."""
    git = Git()
    found: dict[str, dict[str, Any]] = {
        "versions": {
            "git-theta": __version__,
            "git": _git_version(git),
            "python": f"{platform.python_version()} ({sys.executable})",
            "platform": platform.platform(),
            **{name: _version(name) for name in _PACKAGES},
        },
        "settings": _settings(git),
    }
    try:
        repository = Repository(git)
        found["repository"] = _repository(repository)
        found["remotes"] = {name: _locations(repository, name) for name in fetch_remotes(repository)}
        found["remotes"] |= {f"({name})": orphan_notice(name) for name in orphaned_settings(git)}
    except ThetaError as error:
        found["repository"] = {"none": error.message}
    return {
        section: {without_passwords(key): without_passwords(str(value)) for key, value in values.items()}
        for section, values in found.items()
    }


def _git_version(git: Git) -> str:
    text = version_text(git)
    return text if has_version(git, OLDEST) else f"{text} (too old: git-theta needs {dotted(OLDEST)})"


def _settings(git: Git) -> dict[str, str]:
    """Settings of git-theta, and the file that each comes from."""
    wanted = r"^(theta|(filter|diff|merge|hook)\.theta)\.|^core\.hookspath$"
    if not git.ok("config", "--get-regexp", wanted):
        return {}
    fields = os.fsdecode(git.run("config", "--show-origin", "-z", "--get-regexp", wanted)).split("\0")
    found = {}
    for origin, item in zip(fields[::2], fields[1::2], strict=False):
        key, _, value = item.partition("\n")
        found[key] = f"{value or 'true'} ({origin.removeprefix('file:')})"
    return found


def _repository(repository: Repository) -> dict[str, Any]:
    objects = list(repository.store.list())
    found: dict[str, Any] = {
        "git folder": str(repository.git_dir),
        "store": str(repository.store.root),
        "objects": f"{len(objects)} ({human_size(sum(size for _, size in objects))})",
        "hooks": ", ".join(
            f"{name}: {_hook_text(state)}" for name, state in hook_states(repository.hooks_dir).items()
        ),
        "hooks folder": str(repository.hooks_dir),
        "hook in settings": _configured_hook_text(repository.git),
        "pushes": push_problem(repository) or "send objects",
    }
    if repository.store.neighbours:
        found["reads also"] = ", ".join(map(str, repository.store.neighbours))
    if repository.git.line("rev-parse", "--is-inside-work-tree") == "true":
        files = gitattributes.attribute_files(repository.root, repository.git)
        found["tracked"] = ", ".join(
            pattern for path in files for pattern in gitattributes.tracked_patterns(gitattributes.read(path))
        )
        lines = encoding_lines(repository)
        if lines:
            found["conversions"] = ", ".join(map(described, lines))
    return found


def _configured_hook_text(git: Git) -> str:
    if has_configured_hook(git):
        return "runs"
    return f"doesn't run (needs git {dotted(CONFIGURED_HOOKS)})"


def _locations(repository: Repository, name: str) -> str:
    """The location of a remote's objects, from settings alone: no server is asked."""
    down, up = (describe_location(repository, name, operation) for operation in ("download", "upload"))
    return down if down == up else f"{down} (uploads: {up})"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _hook_text(state: HookState) -> str:
    # "was there already" is for an installation; here, the hook is simply installed.
    return HookState.INSTALLED.value if state is HookState.CURRENT else state.value
