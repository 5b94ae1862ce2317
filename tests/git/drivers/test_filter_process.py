from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from git_theta.git.plumbing.pktline import PacketReader, PacketWriter
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

FILTER = [sys.executable, "-m", "git_theta", "filter-process"]
DATA = safetensors_bytes({"weight": np.arange(512, dtype="f4")})


class Filter:
    """The filter process, with this test in the place of git."""

    def __init__(self, repo: Repo, command: Sequence[str] = FILTER) -> None:
        self.process = subprocess.Popen(
            command, cwd=repo.path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self.process.stdin
        assert self.process.stdout
        self.writer = PacketWriter(self.process.stdin.fileno())
        self.reader = PacketReader(self.process.stdout.fileno())
        self.writer.lines("git-filter-client", "version=2")
        assert self.reader.lines() == ["git-filter-server", "version=2"]
        self.writer.lines("capability=clean", "capability=smudge", "capability=delay")
        assert self.reader.lines() == ["capability=clean", "capability=smudge", "capability=delay"]

    def ask(self, *lines: str, content: bytes = b"") -> tuple[list[str] | None, bytes]:
        """Send a request; returns the status and the content of the answer."""
        self.writer.lines(*lines)
        self.writer.data(content)
        self.writer.flush()
        status = self.reader.lines()
        if status != ["status=success"]:
            return status, b""
        answer = b"".join(map(bytes, self.reader.content()))
        assert self.reader.lines() == []
        return status, answer

    def available(self) -> list[str] | None:
        """Ask which delayed files there are."""
        self.writer.lines("command=list_available_blobs")
        paths = self.reader.lines()
        assert self.reader.lines() == ["status=success"]
        return paths

    def end(self) -> str:
        """Close the pipe as git does at its end; returns what the user was told."""
        _, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        return err.decode()

    def ended(self) -> tuple[int, str]:
        """Wait until the process has ended by itself; returns its exit code and what the user was told."""
        assert self.process.stderr
        with self.process.stderr as stderr:
            return self.process.wait(20), stderr.read().decode()


def manifest_of(repo: Repo, name: str = "model.safetensors") -> bytes:
    repo.write(name, DATA)
    repo.commit()
    return repo.git("show", f":{name}").encode()


def test_a_file_is_cleaned_and_smudged(repo: Repo) -> None:
    filter_ = Filter(repo)
    status, text = filter_.ask("command=clean", "pathname=m.safetensors", content=DATA)
    assert (status, text[:19]) == (["status=success"], b"git-theta manifest ")
    assert filter_.ask("command=smudge", "pathname=m.safetensors", content=text)[1] == DATA
    assert filter_.ask("command=smudge", "pathname=other", content=b"text")[1] == b"text"
    filter_.end()


def test_a_small_file_is_delayed_and_decoded(repo: Repo) -> None:
    text = manifest_of(repo)
    filter_ = Filter(repo)
    first = ["command=smudge", "pathname=model.safetensors", "blob=12ab", "can-delay=1"]
    assert filter_.ask(*first, content=text) == (["status=delayed"], b"")
    assert filter_.available() == ["pathname=model.safetensors"]
    assert filter_.ask("command=smudge", "pathname=model.safetensors")[1] == DATA
    assert filter_.available() == []
    filter_.end()


def test_a_large_file_is_answered_with_its_manifest(repo: Repo) -> None:
    text = manifest_of(repo)
    oid = repo.git("rev-parse", ":model.safetensors").strip()
    repo.git("config", "theta.materialiseThreshold", "1")
    (repo.path / "model.safetensors").write_bytes(text)
    filter_ = Filter(repo)
    request = ["command=smudge", "pathname=model.safetensors", f"blob={oid}", "can-delay=1"]
    assert filter_.ask(*request, content=text) == (["status=success"], text)
    filter_.end()
    assert repo.read("model.safetensors") == DATA


def test_a_missing_object_fails_its_file_only(repo: Repo) -> None:
    text = manifest_of(repo)
    for path in repo.objects:
        path.unlink()
    filter_ = Filter(repo)
    request = ["command=smudge", "pathname=model.safetensors"]
    assert filter_.ask(*request, content=text) == (["status=error"], b"")
    assert filter_.ask("command=smudge", "pathname=other", content=b"text")[1] == b"text"
    assert "model.safetensors: " in filter_.end()


_PLUGIN = """
    import sys
    from git_theta.__main__ import main
    from git_theta.git.worktree.clean_filter import CleanFilter

    clean = CleanFilter.clean

    def broken(self, path, content):
        print("a plugin prints")
        if path == "broken":
            raise KeyError("from a plugin")
        return clean(self, path, content)

    CleanFilter.clean = broken
    sys.argv[1:] = ["filter-process"]
    main()
"""


def test_a_plugin_that_prints_or_fails_breaks_no_other_file(repo: Repo) -> None:
    filter_ = Filter(repo, [sys.executable, "-c", textwrap.dedent(_PLUGIN)])
    assert filter_.ask("command=clean", "pathname=broken", content=DATA) == (["status=error"], b"")
    assert filter_.ask("command=clean", "pathname=good", content=b"text")[0] == ["status=success"]
    told = filter_.end()
    assert "broken: unexpected KeyError: 'from a plugin'" in told
    assert told.count("a plugin prints") == 2


def test_an_unknown_command_ends_the_conversation(repo: Repo) -> None:
    filter_ = Filter(repo)
    with suppress(BrokenPipeError):
        filter_.writer.lines("command=explode", "pathname=model")
        filter_.writer.flush()
    _, err = filter_.process.communicate(timeout=60)
    assert filter_.process.returncode != 0
    assert "'explode', which isn't known" in err.decode()


_SLOW = """
    import time
    from git_theta.__main__ import main
    from git_theta.smudge import Smudger

    def slow(self, manifest, handle):
        self.store.write(_pieces())

    def _pieces():
        yield b"half of an object"
        with open("slow", "w"):
            time.sleep(60)

    Smudger.smudge = slow
    sys.argv[1:] = ["filter-process"]
    main()
"""


@pytest.mark.parametrize("delay", [False, True])
def test_a_filter_whose_git_died_ends_at_once(repo: Repo, delay: bool) -> None:
    text = manifest_of(repo)
    filter_ = Filter(repo, [sys.executable, "-c", "import sys" + textwrap.dedent(_SLOW)])
    assert filter_.process.stdin
    assert filter_.process.stdout
    filter_.writer.lines("command=smudge", "pathname=model.safetensors", f"can-delay={delay:d}")
    filter_.writer.data(text)
    filter_.writer.flush()
    if delay:
        assert filter_.reader.lines() == ["status=delayed"]
        filter_.writer.lines("command=list_available_blobs")
    wait_for(repo.path / "slow")
    # Ctrl-C reaches the filter, too, and Git may go on.
    filter_.process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        filter_.process.wait(0.5)
    filter_.process.stdin.close()
    filter_.process.stdout.close()
    assert filter_.ended() == (130, "")
    assert not [path for path in (repo.path / ".git" / "theta" / "tmp").iterdir() if path.is_file()]


def test_an_interrupt_while_large_files_are_written(repo: Repo) -> None:
    text = manifest_of(repo)
    oid = repo.git("rev-parse", ":model.safetensors").strip()
    repo.git("config", "theta.materialiseThreshold", "1")
    (repo.path / "model.safetensors").write_bytes(text)
    filter_ = Filter(repo, [sys.executable, "-c", "import sys" + textwrap.dedent(_SLOW)])
    request = ["command=smudge", "pathname=model.safetensors", f"blob={oid}", "can-delay=1"]
    assert filter_.ask(*request, content=text) == (["status=success"], text)
    assert filter_.process.stdin
    assert filter_.process.stdout
    filter_.process.stdin.close()
    wait_for(repo.path / "slow")
    filter_.process.send_signal(signal.SIGINT)
    filter_.process.stdout.close()
    code, told = filter_.ended()
    assert code == 130
    assert told.count("git theta checkout") == 1
    assert not [path for path in (repo.path / ".git" / "theta" / "tmp").iterdir() if path.is_file()]
    repo.theta("checkout")
    assert repo.read("model.safetensors") == DATA
    assert repo.status() == "?? slow\n"


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.02)


def test_each_file_is_written_as_git_checks_it_out(repo: Repo) -> None:
    manifest_of(repo)
    os.unlink(repo.path / "model.safetensors")
    repo.git("checkout", "--", "model.safetensors")
    assert repo.read("model.safetensors") == DATA
