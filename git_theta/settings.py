"""The user's settings, read once at the edge and passed down as a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from git_theta.errors import UsageError
from git_theta.limits import DEFAULT_LIMITS, Limits
from git_theta.runtime.threads import default_threads

_SIZE = re.compile(r"([0-9]{1,18})\s*([kmg]?)i?b?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,9}")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


#: The path of the tracked file of settings, from the top of the work tree.
TRACKED_CONFIG = ".theta/config.toml"

#: The Git setting whose value is the command of the diff driver.
DIFF_DRIVER = "diff.theta.command"

#: The attribute that says which updates a file may be stored as: `theta-update=dense`.
UPDATE_ATTRIBUTE = "theta-update"

#: The attribute that says how a file is merged, a strategy with its options: `theta-merge=ties,density=0.3`.
MERGE_ATTRIBUTE = "theta-merge"

#: The same for commands that apply a change: rebase, cherry-pick, revert, stash pop, am.
PICK_ATTRIBUTE = "theta-pick-merge"

#: The default of `Settings.depth`.
DEFAULT_DEPTH = 3

#: The maximum depth of a chain of updates, with any settings.
MAX_CHAIN_DEPTH = 32

#: Updates that save much by it may make a chain deeper than `Settings.depth` by this factor.
DEPTH_FACTOR = 3


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings from `git config` and the environment.

    Attributes:
        materialise_threshold: Files of at least this many bytes are written after Git has finished,
            so that Git never holds them in memory (`theta.materialiseThreshold`, default 256 MiB).
        threads: Threads for hashing, compression and decoding (`theta.threads`,
            `GIT_THETA_THREADS`; default: the number of cores, at most 8).
        hooks: Whether the filter installs hooks in repositories where it runs (`theta.hooks`).
        update: The updates as which a changed parameter may be stored: `auto`, `dense`, or names with commas
            between (`theta.update`; for some paths, the attribute `theta-update`).
        depth: The length of a chain of updates, the dense value at its start included (`theta.maxDepth`).
            Longer chains are smaller, and slower to check out. Updates that save much by it may make a chain
            up to three times as long.
        lazy: Whether a checkout leaves the manifests of files whose objects aren't here, instead of fetching
            the objects (`theta.fetch` is `lazy`, or `GIT_THETA_SKIP_SMUDGE`).
        pointers: Whether a push to a Git LFS server puts pointers to the objects on a ref there, so that
            its garbage collection keeps them (`theta.pointers`).
        finite: Whether new NaN or infinite elements in the result of a merge are a conflict and not only a
            warning (`theta.checkFinite`: `warn` or `refuse`).
        limits: How much work and memory values may take (`theta.maxWork`, `theta.maxMemory`).
    """

    materialise_threshold: int = 256 << 20
    threads: int = 0
    hooks: bool = True
    update: str = "auto"
    depth: int = DEFAULT_DEPTH
    lazy: bool = False
    pointers: bool = True
    finite: bool = False
    limits: Limits = DEFAULT_LIMITS

    @property
    def thread_count(self) -> int:
        """The number of threads to use."""
        return self.threads or default_threads()


def from_config(config: Mapping[str, str], environment: Mapping[str, str]) -> Settings:
    """Read settings.

    Args:
        config: Git's settings: key in lower case, as `git config --list` prints it → value.
        environment: Environment variables.

    Raises:
        UsageError: A value isn't valid; the message names its key.
    """
    default = Settings()
    threads = environment.get("GIT_THETA_THREADS") or config.get("theta.threads", "0")
    if not _NUMBER.fullmatch(threads) or int(threads) > 1024:
        raise UsageError(f"theta.threads is {threads!r}: a number from 0 (automatic) to 1024 is needed")
    depth = config.get("theta.maxdepth", str(DEFAULT_DEPTH))
    if not _NUMBER.fullmatch(depth) or not 1 <= int(depth) <= MAX_CHAIN_DEPTH // DEPTH_FACTOR:
        most = MAX_CHAIN_DEPTH // DEPTH_FACTOR
        raise UsageError(f"theta.maxDepth is {depth!r}: a number from 1 to {most} is needed")
    fetching = config.get("theta.fetch", "auto")
    if fetching not in ("auto", "lazy"):
        raise UsageError(f"theta.fetch is {fetching!r}: auto or lazy is needed")
    check = config.get("theta.checkfinite", "warn")
    if check not in ("warn", "refuse"):
        raise UsageError(f"theta.checkFinite is {check!r}: warn or refuse is needed")
    skip = environment.get("GIT_THETA_SKIP_SMUDGE", "")
    return Settings(
        materialise_threshold=_size(config, "theta.materialiseThreshold", default.materialise_threshold),
        threads=int(threads),
        hooks=_truth("theta.hooks", config.get("theta.hooks", "true")),
        update=config.get("theta.update", default.update),
        depth=int(depth),
        lazy=fetching == "lazy" or _truth("GIT_THETA_SKIP_SMUDGE", skip),
        pointers=_truth("theta.pointers", config.get("theta.pointers", "true")),
        finite=check == "refuse",
        limits=Limits(
            _size(config, "theta.maxWork", DEFAULT_LIMITS.work),
            _size(config, "theta.maxMemory", DEFAULT_LIMITS.memory),
        ),
    )


def _size(config: Mapping[str, str], key: str, default: int) -> int:
    text = config.get(key.lower())
    try:
        return default if text is None else parse_size(text)
    except UsageError as error:
        raise UsageError(f"{key}: {error.message}", error.hint) from error


def _truth(key: str, text: str) -> bool:
    if text.lower() in ("true", "yes", "on", "1"):
        return True
    if text.lower() in ("false", "no", "off", "0", ""):
        return False
    raise UsageError(f"{key} is {text!r}: true or false is needed")


def parse_size(text: str) -> int:
    """The number of bytes in a text such as `256m`, `4GiB` or `1000`.

    Raises:
        UsageError: The text isn't a size.
    """
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise UsageError(
            f"{text!r} isn't a size", "write a number with an optional k, m or g, for example 256m"
        )
    return int(match[1]) * _UNITS[match[2].lower()]
