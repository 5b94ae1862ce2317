"""Bad input and bad luck: one clear error each, and nothing lost."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo
from tests.helpers.small_models import NAME, A, B, model


@pytest.fixture(scope="module")
def original(tracked: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A is committed."""
    repo = tracked.copy(tmp_path_factory.mktemp("original") / "repo")
    repo.write(NAME, A)
    repo.commit("base")
    return repo


@pytest.fixture
def stored(original: Repo, tmp_path: Path) -> Repo:
    """A copy of that."""
    return original.copy(tmp_path / "repo")


def forget(repo: Repo) -> None:
    (repo.path / NAME).unlink()


def damage(repo: Repo, change: Callable[[bytes], bytes]) -> str:
    """Change an object on disk; returns its name."""
    path = max(repo.objects, key=lambda path: path.stat().st_size)
    path.chmod(0o644)
    path.write_bytes(change(path.read_bytes()))
    return path.name


@pytest.mark.parametrize("threshold", ["1k", "1g"])
def test_a_missing_object(stored: Repo, threshold: str) -> None:
    stored.git("config", "theta.materialiseThreshold", threshold)
    forget(stored)
    path = stored.objects[0]
    path.rename(path.with_name("away"))
    done = stored.run("git", "checkout", "--", NAME, ok=False)
    assert done.returncode != 0
    assert path.name in done.stderr
    assert "parameter" in done.stderr
    assert not (stored.path / NAME).exists()
    output = stored.run_theta("fsck", ok=False)
    assert output.returncode == 6
    assert path.name in output.stderr
    path.with_name("away").rename(path)
    stored.git("checkout", "--", NAME)
    assert stored.read(NAME) == A


def flip(data: bytes) -> bytes:
    return data[:-9] + bytes([data[-9] ^ 4]) + data[-8:]


@pytest.mark.parametrize("change", [flip, lambda data: data[:-100], lambda data: b""])
def test_a_damaged_object(stored: Repo, change: Callable[[bytes], bytes]) -> None:
    forget(stored)
    oid = damage(stored, change)
    done = stored.run("git", "checkout", "--", NAME, ok=False)
    assert done.returncode != 0
    assert oid in done.stderr
    assert "parameter" in done.stderr
    assert "git theta fsck --repair" in done.stderr
    output = stored.run_theta("fsck", ok=False)
    assert output.returncode == 6
    assert oid in output.stderr
    assert NAME in output.stderr


def test_a_damaged_object_of_a_large_file_leaves_the_manifest(stored: Repo) -> None:
    stored.git("config", "theta.materialiseThreshold", "1k")
    forget(stored)
    oid = damage(stored, flip)
    done = stored.run("git", "checkout", "--", NAME, ok=False)
    assert oid in done.stderr
    assert "git theta checkout" in done.stderr
    assert stored.read(NAME).startswith(b"git-theta manifest 1")
    assert "still a manifest" in stored.theta("status")
    assert stored.run_theta("checkout", ok=False).returncode == 1
    damage(stored, flip)
    stored.theta("checkout")
    assert stored.read(NAME) == A
    assert stored.status() == ""


def test_a_modified_file_is_never_overwritten_by_repair(stored: Repo) -> None:
    stored.write(NAME, B)
    assert "Nothing to do" in stored.theta("checkout")
    assert stored.read(NAME) == B


@pytest.mark.parametrize(
    "data",
    [
        A[:-1],
        A[:100],
        (1 << 62).to_bytes(8, "little") + A[8:],
        A.replace(b'"F32"', b'"F64"', 1),
        A.replace(b"[64, 64]", b"[-4, 64]", 1),
        b"PK\x03\x04" + b"\0" * 100,
        b"\x80\x02cos\nsystem\nX\x04\0\0\0exit\x85",
    ],
)
def test_other_files_are_kept_as_they_are(repo: Repo, data: bytes) -> None:
    repo.write(NAME, data)
    repo.commit()
    assert "format opaque" in repo.git("cat-file", "-p", f"HEAD:{NAME}")
    forget(repo)
    repo.git("checkout", "--", NAME)
    assert repo.read(NAME) == data


def test_a_pickle_that_would_run_a_program_is_data(repo: Repo) -> None:
    data = b"\x80\x02cos\nsystem\nX\x0a\0\0\0touch made\x85R."
    repo.write(NAME, data)
    repo.commit()
    assert "format pickle" in repo.git("cat-file", "-p", f"HEAD:{NAME}")
    forget(repo)
    repo.git("checkout", "--", NAME)
    assert repo.read(NAME) == data
    assert not (repo.path / "made").exists()


def test_a_broken_checkpoint_is_noted(repo: Repo) -> None:
    repo.write(NAME, A[:-1])
    notice = f"git-theta: {NAME}: looks like safetensors but isn't valid"
    assert repo.git("add", NAME).count(notice) == 1
    # Later commands that read the file again have nothing new to say.
    (repo.path / NAME).touch()
    (repo.path / ".git/theta/cache.sqlite").unlink()
    assert notice not in repo.git("status") + repo.git("commit", "-qam", "broken")


def test_an_absurd_manifest_is_left_as_text(repo: Repo) -> None:
    text = b"git-theta manifest 1\nformat ../../x\nsize 99999999999999999999\nlayout\n\n../../etc/passwd\n"
    repo.write(NAME, text)
    output = repo.git("add", NAME)
    assert "stored as text" in output
    repo.git("commit", "-q", "-m", "x")
    forget(repo)
    repo.git("checkout", "--", NAME)
    assert repo.read(NAME) == text


def test_a_manifest_of_a_newer_version_says_to_upgrade(repo: Repo) -> None:
    oid = repo.run(
        "git", "hash-object", "-w", "--stdin", stdin=b"git-theta manifest 99\nfuture\n"
    ).stdout.strip()
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{oid},{NAME}")
    done = repo.run("git", "checkout", "--", NAME, ok=False)
    assert done.returncode != 0
    assert "upgrade" in done.stderr


def test_a_store_that_cannot_be_written(stored: Repo) -> None:
    objects = stored.path / ".git" / "theta" / "objects"
    objects.rename(objects.with_name("away"))
    objects.write_text("in the way")
    stored.write(NAME, B)
    done = stored.run("git", "add", NAME, ok=False)
    assert done.returncode != 0
    assert "can't write to the store" in done.stderr
    objects.unlink()
    objects.with_name("away").rename(objects)
    assert stored.read(NAME) == B
    stored.git("checkout", "--", NAME)
    assert stored.read(NAME) == A


def limited() -> None:
    """Limit files to 40,000 bytes: to a program, that's like a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))


@pytest.mark.parametrize("threshold", ["1k", "1g"])
def test_a_full_disk(stored: Repo, threshold: str) -> None:
    stored.git("config", "theta.materialiseThreshold", threshold)
    stored.write(NAME, model(7, 30))
    add = subprocess.run(
        ["git", "add", NAME], cwd=stored.path, capture_output=True, text=True, preexec_fn=limited
    )
    assert add.returncode != 0
    assert "can't write to the store" in add.stderr
    stored.git("checkout", "--", NAME)
    forget(stored)
    checkout = subprocess.run(
        ["git", "checkout", "--", NAME], cwd=stored.path, capture_output=True, text=True, preexec_fn=limited
    )
    assert "can't write the file" in checkout.stderr
    stored.git("checkout", "--", NAME)
    stored.theta("checkout")
    assert stored.read(NAME) == A
    assert stored.status() == ""
    assert not list((stored.path / ".git" / "theta" / "tmp").iterdir())


def test_a_file_that_is_written_while_git_reads_it(repo: Repo) -> None:
    """The stored version can be checked out again, whatever the outcome."""
    data = safetensors_bytes({"w": np.zeros(3_000_000, "f4")})
    repo.write(NAME, data)
    code = (
        f"import time\nfile = open({NAME!r}, 'r+b')\nfor n in range(400):\n"
        " file.seek(200 + n * 20_000); file.write(b'x' * 99); file.flush(); time.sleep(0.002)"
    )
    writer = subprocess.Popen([sys.executable, "-c", code], cwd=repo.path)
    for _ in range(5):
        repo.git("add", NAME, ok=False)
    writer.wait(30)
    repo.git("add", NAME)
    repo.theta("fsck")
    expected = repo.read(NAME)
    forget(repo)
    repo.git("checkout", "--", NAME)
    assert repo.read(NAME) == expected


@pytest.mark.parametrize("threshold", ["1", "1g"])
def test_a_manifest_that_is_added_becomes_its_file(stored: Repo, threshold: str) -> None:
    stored.git("config", "theta.materialiseThreshold", threshold)
    text = stored.git("cat-file", "-p", f"HEAD:{NAME}").encode()
    stored.write(NAME, B)
    stored.commit()
    stored.write(NAME, text)
    assert stored.status() == f" M {NAME}\n"
    stored.git("add", NAME)
    assert stored.read(NAME) == A
    assert stored.status() == f"M  {NAME}\n"


def test_stash_pop_outside_a_sparse_checkout(stored: Repo) -> None:
    stored.write("side/m.safetensors", A)
    stored.commit()
    stored.write(NAME, B)
    stored.git("stash", "-q")
    stored.git("sparse-checkout", "set", "side", "--no-cone")
    stored.git("stash", "pop", "-q")
    assert stored.read(NAME) == B


def test_checkout_writes_a_manifest_of_another_version(stored: Repo) -> None:
    text = stored.git("cat-file", "-p", f"HEAD:{NAME}").encode()
    stored.write(NAME, B)
    stored.commit()
    stored.write(NAME, text)
    stored.theta("checkout")
    assert stored.read(NAME) == A
    assert stored.status() == f" M {NAME}\n"


def test_status_of_a_file_that_is_being_written(repo: Repo) -> None:
    repo.write(NAME, safetensors_bytes({"w": np.zeros(3_000_000, "f4")}))
    repo.write("notes.txt", b"one")
    repo.commit()
    repo.write("notes.txt", b"two")
    code = (
        f"import time\nfile = open({NAME!r}, 'r+b', buffering=0)\nfor n in range(600):\n"
        " file.seek(200 + n * 20_000 % 11_000_000); file.write(b'x' * 99); time.sleep(0.002)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=repo.path) as writer:
        while writer.poll() is None:
            # The index isn't written, so Git reads the file each time.
            assert "notes.txt" in repo.git("status", "--porcelain", env={"GIT_OPTIONAL_LOCKS": "0"})
    repo.git("commit", "-q", "-m", "other", "notes.txt")


@pytest.mark.parametrize("size", [5_000, 3_000_000])
def test_a_caller_that_has_the_file_open(repo: Repo, size: int) -> None:
    """The bytes that Git sends count, whoever has the file open."""
    first = safetensors_bytes({"w": np.zeros(size, "f4")})
    second = safetensors_bytes({"w": np.ones(size, "f4")})
    path = repo.write(NAME, first)
    with path.open("rb", buffering=0) as file:
        file.read()
        store = ["git", "hash-object", "-w", "--stdin", "--path", NAME]
        for inherited in ((), (file.fileno(),)):
            done = subprocess.run(
                store, cwd=repo.path, input=second, stdout=subprocess.PIPE, pass_fds=inherited
            )
            oid = done.stdout.decode().strip()
            repo.git("update-index", "--add", "--cacheinfo", f"100644,{oid},{NAME}")
            repo.git("checkout-index", "-f", NAME)
            assert repo.read(NAME) == second
        for offset in (0, 65516, len(second)):
            file.seek(offset)
            subprocess.run(["git", "add", NAME], cwd=repo.path, check=True, pass_fds=(file.fileno(),))


def test_a_link_in_the_way_is_not_followed(stored: Repo) -> None:
    outside = stored.path.parent / "outside"
    outside.mkdir()
    stored.write("d/m.safetensors", B)
    stored.commit()
    manifest = stored.git("cat-file", "-p", "HEAD:d/m.safetensors").encode()
    (stored.path / "d" / "m.safetensors").unlink()
    (stored.path / "d").rmdir()
    (outside / "m.safetensors").write_bytes(manifest)
    (stored.path / "d").symlink_to(outside)
    stored.theta("checkout", ok=False)
    assert (outside / "m.safetensors").read_bytes() == manifest


@pytest.mark.parametrize("threshold", ["1k", "1g"])
def test_a_manifest_whose_line_ends_git_converts(stored: Repo, tmp_path: Path, threshold: str) -> None:
    setting = f"theta.materialiseThreshold={threshold}"
    with (stored.path / ".gitattributes").open("a") as file:
        file.write("* text=auto eol=crlf\n")
    stored.commit("line ends")
    stored.write(NAME, B)
    stored.commit("other")
    stored.git("-c", setting, "checkout", "-q", "HEAD~1")
    assert stored.read(NAME) == A
    assert stored.status() == ""
    stored.git("clone", "-q", "-c", setting, str(stored.path), str(tmp_path / "clone"))
    assert (tmp_path / "clone" / NAME).read_bytes() == A


def test_checkout_of_manifests_with_converted_line_ends(stored: Repo) -> None:
    """Git wrote the file without git-theta, and with CR LF."""
    manifest = stored.git("cat-file", "blob", f":{NAME}").encode()
    stored.write(NAME, manifest.replace(b"\n", b"\r\n"))
    stored.theta("checkout")
    assert stored.read(NAME) == A


@pytest.mark.parametrize("encoding", ["UTF-16LE", "UTF-16LE-BOM", "UTF-32"])
def test_an_encoding_by_which_git_would_change_manifests(stored: Repo, encoding: str) -> None:
    """Git would store a manifest that isn't one, whose objects no push sends and a prune deletes."""
    with (stored.path / ".gitattributes").open("a") as file:
        file.write(f"*.safetensors working-tree-encoding={encoding}\n")
    number = len((stored.path / ".gitattributes").read_text().splitlines())
    before = stored.git("ls-files", "-s")
    stored.write(NAME, B)
    for command in (("add", NAME), ("commit", "-qam", "B"), ("stash",)):
        done = stored.run("git", *command, ok=False)
        assert done.returncode != 0
        assert f".gitattributes:{number} (*.safetensors working-tree-encoding={encoding})" in done.stderr
    assert stored.git("ls-files", "-s") == before
    assert f".gitattributes:{number}" in stored.theta("status")
    assert f".gitattributes:{number}" in stored.theta("env")
    assert f".gitattributes:{number}" in stored.run_theta("fsck").stderr
    # What was stored before comes back.
    for threshold in ("1k", "1g"):
        stored.git("config", "theta.materialiseThreshold", threshold)
        forget(stored)
        stored.git("checkout", "--", NAME)
        assert stored.read(NAME) == A
    stored.write(NAME, B)
    with (stored.path / ".gitattributes").open("a") as file:
        file.write("*.safetensors !working-tree-encoding\n")
    stored.git("commit", "-qam", "B")
    forget(stored)
    stored.git("checkout", "--", NAME)
    assert stored.read(NAME) == B


def test_track_overrules_an_encoding(repo: Repo) -> None:
    repo.write(".gitattributes", b"* working-tree-encoding=UTF-16\n")
    repo.theta("track", "*.safetensors")
    repo.write(NAME, A)
    repo.git("add", NAME)
    assert repo.git("show", f":{NAME}").startswith("git-theta manifest")


@pytest.mark.parametrize(
    ("attributes", "autocrlf"),
    [("text eol=lf", "true"), ("text eol=crlf", "input"), ("text=auto", "true"), ("ident crlf", "false")],
)
def test_conversions_of_text_leave_files_as_they_are(repo: Repo, attributes: str, autocrlf: str) -> None:
    repo.git("config", "core.autocrlf", autocrlf)
    repo.git("config", "core.safecrlf", "false")
    repo.write(".gitattributes", f"*.safetensors filter=theta {attributes}\n".encode())
    repo.write(NAME, A)
    repo.git("add", ".")
    forget(repo)
    repo.git("checkout", "--", NAME)
    assert repo.read(NAME) == A
    assert "modified" not in repo.theta("status")
