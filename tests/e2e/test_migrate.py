"""Moving to git-theta and away from it: in the next commit, or in all of history."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import git_host
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

NAME = "models/m.safetensors"
TORCH = (Path(__file__).parent.parent / "fixtures" / "v1" / "legacy.pt").read_bytes()
LFS = "*.safetensors filter=lfs diff=lfs merge=lfs -text\n"
THETA = "*.safetensors filter=theta diff=theta merge=theta -text\n"

needs_lfs = pytest.mark.skipif(not shutil.which("git-lfs"), reason="git-lfs isn't installed")


def model(seed: int, changed: int = 0) -> bytes:
    """A model; models of one seed share most parameters."""
    random = np.random.default_rng(seed)
    arrays = {f"layer.{i}": random.standard_normal((32, 32)).astype("f4") for i in range(4)}
    arrays["layer.0"] += np.float32(changed)
    return safetensors_bytes(arrays)


A, B, C = model(1), model(1, 1), model(1, 2)


def repository(path: Path) -> Repo:
    made = Repo(path)
    path.mkdir()
    made.git("init", "-q")
    return made


@pytest.fixture
def plain(tmp_path: Path) -> Repo:
    """Everything in Git itself. main: A, then B, with a merge of side; side: C, under another name."""
    repo = repository(tmp_path / "plain")
    fill(repo)
    return repo


@pytest.fixture
def lfs(tmp_path: Path) -> Repo:
    """The same in git-lfs, with a nested attributes file and a pattern that no checkpoint matches."""
    if not shutil.which("git-lfs"):
        pytest.skip("git-lfs isn't installed")
    repo = repository(tmp_path / "lfs")
    repo.git("lfs", "install", "--local")
    repo.write(".gitattributes", b"# models\n*.png filter=lfs diff=lfs merge=lfs -text\n")
    repo.write("models/.gitattributes", LFS.encode())
    repo.write("picture.png", b"\x89PNG not really")
    fill(repo)
    return repo


def fill(repo: Repo) -> None:
    repo.write("notes.txt", b"hello\n")
    repo.commit("notes")
    repo.write(NAME, A)
    repo.write("models/same.safetensors", A)
    (repo.path / "link").symlink_to("notes.txt")
    repo.commit("first")
    repo.git("tag", "light")
    repo.git("tag", "-a", "heavy", "-m", "a tag\n\nwith a body")
    repo.git("tag", "-a", "tag-of-tag", "heavy", "-m", "outer")
    repo.git("checkout", "-q", "-b", "side")
    repo.git("mv", "models/same.safetensors", "models/other.safetensors")
    repo.write("models/other.safetensors", C)
    repo.commit("side")
    repo.git("checkout", "-q", "main")
    repo.write(NAME, B)
    (repo.path / NAME).chmod(0o755)
    repo.commit("second")
    repo.git("commit", "-q", "--allow-empty", "-m", "nothing")
    repo.git("merge", "-q", "--no-edit", "side")
    repo.write("models/empty.safetensors", b"")
    repo.commit("empty")


def contents(repo: Repo, *revs: str) -> dict[str, str]:
    """Digest and mode of each file of each revision, as a checkout would write them."""
    listed = []
    for rev in revs:
        for line in filter(None, repo.git("ls-tree", "-r", "-z", rev).split("\0")):
            mode, _, oid, name = line.split(None, 3)
            if not name.endswith(".gitattributes"):
                listed.append((rev, mode, oid, name))
    done = subprocess.run(
        # The sizes that it can tell are those before the filter.
        ["git", "cat-file", "--batch=== next ==", "--filters"],
        cwd=repo.path,
        input="".join(f"{oid} {name}\n" for _, _, oid, name in listed).encode(),
        capture_output=True,
        check=True,
    )
    found = {}
    for (rev, mode, _, name), data in zip(listed, done.stdout.split(b"== next ==\n")[1:], strict=True):
        found[f"{rev}:{name}"] = mode + hashlib.sha256(data).hexdigest()
    return found


def shape(repo: Repo, *refs: str) -> str:
    """All that commits say, and how they hang together, without ids."""
    return repo.git("log", "--graph", "--format=%an %ae %ad %cn %cd %e%n%B", *refs)


def work_files(repo: Repo) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(repo.path)): (path.read_bytes(), path.stat().st_mode)
        for path in sorted(repo.path.rglob("*"))
        if path.is_file() and ".git" not in path.parts and path.name != ".gitattributes"
    }


def is_manifest(repo: Repo, name: str) -> bool:
    return repo.git("cat-file", "-p", name).startswith("git-theta manifest 1\n")


def is_sound(repo: Repo) -> bool:
    assert "error" not in repo.git("fsck", "--strict", "--no-dangling")
    repo.theta("fsck")
    # Git needn't look into any file.
    return repo.status() == "" and repo.git("diff-files", "--name-only") == ""


REVS = ("main", "main~1", "main~2", "main~3", "main^^2", "light", "heavy", "side")


@pytest.mark.parametrize("kind", ["plain", "lfs"])
def test_import_rewrites_all_of_history(kind: str, request: pytest.FixtureRequest) -> None:
    repo: Repo = request.getfixturevalue(kind)
    before = contents(repo, *REVS)
    shapes = shape(repo, "main", "side", "heavy")
    tags = repo.git("cat-file", "-p", "tag-of-tag").splitlines()[1:]
    files, first = work_files(repo), repo.git("rev-parse", "main~5").strip()
    old = {rev: repo.git("rev-parse", rev).strip() for rev in ("main", "side", "light", "heavy")}
    include = ["--include", "*.safetensors"] if kind == "plain" else []

    output = repo.theta("migrate", "import", "--rewrite", "--everything", *include)

    assert "3 versions of 3 files converted" in output
    assert work_files(repo) == files
    assert contents(repo, *REVS) == before
    assert shape(repo, "main", "side", "heavy") == shapes
    assert repo.git("cat-file", "-p", "tag-of-tag").splitlines()[1:] == tags
    assert is_sound(repo)
    assert all(is_manifest(repo, f"{rev}:{NAME}") for rev in REVS)
    assert repo.git("rev-parse", f"light:{NAME}") == repo.git("rev-parse", "light:models/same.safetensors")
    assert repo.git("cat-file", "-s", "main:models/empty.safetensors").strip() == "0"
    for rev, oid in old.items():
        where = "tags" if rev in ("light", "heavy") else "heads"
        assert repo.git("rev-parse", f"refs/original/refs/{where}/{rev}").strip() == oid
    if kind == "plain":
        assert repo.git("rev-parse", "main~5").strip() == first
        assert repo.git("show", "light:.gitattributes") == THETA
    else:
        assert repo.git("show", "main:models/.gitattributes") == THETA
        assert "*.png filter=lfs" in repo.git("show", "main:.gitattributes")
        assert repo.git("cat-file", "-p", "main:picture.png").startswith("version https://git-lfs")
        assert "Left to git-lfs, as no checkpoint matches: *.png" in output


def test_versions_are_stored_as_changes_of_earlier_ones(plain: Repo) -> None:
    plain.theta("migrate", "import", "--rewrite", "--include", "*.safetensors")
    assert sum(path.stat().st_size for path in plain.objects) < 1.5 * len(A)
    lines = plain.git("cat-file", "-p", f"main:{NAME}").splitlines()
    assert len(set(lines) & set(plain.git("cat-file", "-p", f"light:{NAME}").splitlines())) < len(lines)
    old = plain.git("cat-file", "-p", f"main~4:{NAME}").splitlines()
    assert len(set(lines) & set(old)) >= 3


def test_only_the_current_branch_is_rewritten(plain: Repo) -> None:
    side = plain.git("rev-parse", "side")
    output = plain.theta("migrate", "import", "--rewrite", "--include", "*.safetensors")
    assert "1 ref moved" in output
    assert "Still on old commits: refs/heads/side" in output
    assert plain.git("rev-parse", "side") == side
    undo = next(line for line in output.splitlines() if "git reset --hard" in line)
    old = plain.git("rev-parse", "refs/original/refs/heads/main")
    plain.run("sh", "-c", undo.strip())
    assert plain.git("rev-parse", "main") == old
    assert plain.read(NAME) == B
    assert plain.status() == ""


def test_rewriting_again_changes_nothing(plain: Repo) -> None:
    words = ("migrate", "import", "--rewrite", "--everything", "--include", "*.safetensors")
    plain.theta(*words)
    refs = plain.git("for-each-ref")
    output = plain.theta(*words, ok=False)
    assert "refs/original" in output
    plain.run(
        "sh", "-c", "git for-each-ref --format='delete %(refname)' refs/original | git update-ref --stdin"
    )
    assert "Nothing to convert" in plain.theta(*words)
    assert plain.git("for-each-ref", "refs/heads") in refs


def test_import_stages_a_conversion(lfs: Repo) -> None:
    head, files = lfs.git("rev-parse", "HEAD"), work_files(lfs)
    output = lfs.theta("migrate", "import")
    assert "All is staged" in output
    assert lfs.git("rev-parse", "HEAD") == head
    assert work_files(lfs) == files
    assert lfs.read("models/.gitattributes") == THETA.encode()
    assert set(lfs.status().splitlines()) == {
        "M  models/.gitattributes",
        f"M  {NAME}",
        "M  models/other.safetensors",
    }
    assert is_manifest(lfs, f":{NAME}")
    lfs.git("commit", "-q", "-m", "convert")
    assert is_sound(lfs)
    lfs.git("checkout", "-q", "HEAD~1")
    lfs.git("checkout", "-q", "main")
    assert work_files(lfs) == files


def test_import_of_named_files_into_the_next_commit(plain: Repo) -> None:
    files = work_files(plain)
    plain.theta("migrate", "import", "--include", "*.safetensors")
    assert plain.read(".gitattributes") == THETA.encode()
    assert plain.status().splitlines() == ["A  .gitattributes", f"M  {NAME}", "M  models/other.safetensors"]
    assert work_files(plain) == files


def test_a_subfolder_of_a_pattern_of_git_lfs(lfs: Repo) -> None:
    lfs.write("other/a.safetensors", model(7))
    lfs.write("other/.gitattributes", LFS.encode())
    lfs.commit("more")
    lfs.theta("migrate", "import", "--rewrite", "--include", "/models/*.safetensors")
    assert is_manifest(lfs, f"main:{NAME}")
    assert lfs.git("cat-file", "-p", "main:other/a.safetensors").startswith("version https")
    assert is_sound(lfs)


def test_a_pointer_in_the_work_tree_gets_its_content(lfs: Repo) -> None:
    (lfs.path / NAME).unlink()
    lfs.git("checkout", "--", NAME, env={"GIT_LFS_SKIP_SMUDGE": "1"})
    assert lfs.read(NAME).startswith(b"version https")
    output = lfs.theta("migrate", "import", "--rewrite")
    assert lfs.read(NAME) == B
    assert "Wrote 1 file of which only a pointer was here" in output
    assert is_sound(lfs)


def test_a_pruned_object_comes_from_the_work_tree(lfs: Repo) -> None:
    shutil.rmtree(lfs.path / ".git" / "lfs" / "objects")
    output = lfs.theta(
        "migrate",
        "import",
        ok=False,
    )
    assert is_manifest(lfs, f":{NAME}"), output


def test_a_missing_object_leaves_everything_as_it_is(lfs: Repo) -> None:
    shutil.rmtree(lfs.path / ".git" / "lfs" / "objects")
    state = unchanged(lfs)
    output = lfs.theta("migrate", "import", "--rewrite", "--everything", ok=False)
    assert "1 LFS object of 3 can't be had" in output
    assert "git lfs fetch --all" in output
    assert unchanged(lfs) == state


def unchanged(repo: Repo) -> object:
    return repo.git("for-each-ref"), repo.git("status"), work_files(repo), repo.git("ls-files", "-s")


def test_a_failure_in_the_middle_leaves_everything_as_it_is(lfs: Repo) -> None:
    oid = hashlib.sha256(B).hexdigest()
    path = lfs.path / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    path.chmod(0o644)
    path.write_bytes(A)
    state = unchanged(lfs)
    assert f"LFS object {oid} is damaged" in lfs.theta("migrate", "import", "--rewrite", ok=False)
    assert unchanged(lfs) == state


def test_a_ref_that_cannot_be_moved_leaves_everything_as_it_is(plain: Repo) -> None:
    state = unchanged(plain)
    lock = plain.path / ".git" / "refs" / "heads" / "side.lock"
    lock.touch()
    words = ("migrate", "import", "--rewrite", "--everything", "--include", "*.safetensors")
    assert "refs can't be moved, and nothing has changed" in plain.theta(*words, ok=False)
    lock.unlink()
    assert unchanged(plain) == state
    assert not (plain.path / ".gitattributes").exists()


@needs_lfs
@pytest.mark.parametrize("target", ["lfs", "plain"])
def test_export_undoes_import(plain: Repo, target: str) -> None:
    trees = {rev: plain.git("rev-parse", f"{rev}^{{tree}}") for rev in REVS}
    before = contents(plain, *REVS)
    files = work_files(plain)
    plain.theta("migrate", "import", "--rewrite", "--everything", "--include", "*.safetensors")
    manifests = plain.git("rev-parse", f"main:{NAME}")
    forget(plain)
    plain.git("lfs", "install", "--local", "--force")

    plain.theta("migrate", "export", "--to", target, "--rewrite", "--everything")

    assert work_files(plain) == files
    assert contents(plain, *REVS) == before
    assert is_sound(plain)
    if target == "plain":
        assert {rev: plain.git("rev-parse", f"{rev}^{{tree}}") for rev in REVS} == trees
        return
    assert plain.git("show", "main:.gitattributes") == LFS
    plain.git("lfs", "fsck")
    forget(plain)
    plain.theta("migrate", "import", "--rewrite", "--everything")
    assert plain.git("rev-parse", f"main:{NAME}") == manifests
    assert contents(plain, *REVS) == before
    assert work_files(plain) == files


def forget(repo: Repo) -> None:
    repo.run(
        "sh", "-c", "git for-each-ref --format='delete %(refname)' refs/original | git update-ref --stdin"
    )


@needs_lfs
def test_export_to_lfs_can_be_cloned_without_us(plain: Repo, tmp_path: Path) -> None:
    plain.git("lfs", "install", "--local")
    plain.theta("migrate", "import", "--rewrite", "--everything", "--include", "*.safetensors")
    plain.theta("migrate", "export", "--include", "*.safetensors")
    plain.git("commit", "-q", "-m", "leave")
    assert plain.status() == ""
    assert plain.git("lfs", "ls-files", "-n").split() == [NAME, "models/other.safetensors"]
    oid = hashlib.sha256(B).hexdigest()
    path = plain.path / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    assert path.read_bytes() == B
    assert path.stat().st_mode & 0o777 == 0o444


def test_export_of_a_manifest_in_the_work_tree(repo: Repo) -> None:
    repo.write("a.safetensors", A)
    repo.commit()
    repo.write("a.safetensors", repo.git("cat-file", "-p", "HEAD:a.safetensors").encode())
    repo.theta("migrate", "export", "--to", "plain")
    assert repo.read("a.safetensors") == A
    assert not (repo.path / ".gitattributes").exists()
    repo.git("commit", "-q", "-m", "leave")
    assert repo.status() == ""
    assert repo.run("git", "cat-file", "-s", "HEAD:a.safetensors").stdout == f"{len(A)}\n"


def test_export_of_some_files_leaves_other_files(repo: Repo) -> None:
    repo.write("old/a.safetensors", A)
    repo.write("b.safetensors", B)
    repo.commit()
    repo.theta("migrate", "export", "--to", "plain", "--rewrite", "--include", "old/*.safetensors")
    assert is_manifest(repo, "HEAD:b.safetensors")
    assert not is_manifest(repo, "HEAD:old/a.safetensors")
    assert is_sound(repo)


def test_large_files_are_not_exported_to_git(repo: Repo) -> None:
    with (repo.path / "a.bin").open("wb") as file:
        file.truncate(101 << 20)
    repo.commit()
    output = repo.theta("migrate", "export", "--to", "plain", ok=False)
    assert "above 100 MB, for example a.bin" in output
    assert "--force" in output


def _dirty(repo: Repo) -> None:
    repo.write("notes.txt", b"changed\n")


def _untracked(repo: Repo) -> None:
    repo.write(".gitattributes", b"*.png binary\n")


def _detached(repo: Repo) -> None:
    repo.git("checkout", "-q", "--detach")


def _elsewhere(repo: Repo) -> None:
    repo.git("checkout", "-q", "side")
    repo.git("worktree", "add", "-q", "../elsewhere", "main")
    repo.git("checkout", "-q", "--detach")


def _merging(repo: Repo) -> None:
    repo.git("merge", "-q", "--no-commit", "--no-ff", "-s", "ours", "light~1", ok=False)
    shutil.copy(repo.path / ".git" / "ORIG_HEAD", repo.path / ".git" / "MERGE_HEAD")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_dirty, "notes.txt changed since the last commit"),
        (_untracked, ".gitattributes isn't committed"),
        (_detached, "HEAD is detached"),
        (_elsewhere, "refs/heads/main is checked out in"),
        (_merging, "a merge is going on here"),
    ],
)
def test_refusals(plain: Repo, spoil: Callable[[Repo], None], told: str) -> None:
    spoil(plain)
    refs = plain.git("for-each-ref")
    names = ["main"] if spoil is _elsewhere else []
    output = plain.theta("migrate", "import", "--rewrite", "--include", "*.safetensors", *names, ok=False)
    assert told in output
    assert plain.git("for-each-ref") == refs


def test_a_shallow_clone_is_not_rewritten(plain: Repo, tmp_path: Path) -> None:
    plain.git("clone", "-q", "--depth", "1", f"file://{plain.path}", str(tmp_path / "shallow"))
    shallow = Repo(tmp_path / "shallow")
    output = shallow.theta("migrate", "import", "--rewrite", "--include", "*.safetensors", ok=False)
    assert "git fetch --unshallow" in output
    shallow.theta("migrate", "import", "--include", "*.safetensors")
    assert is_manifest(shallow, f":{NAME}")


def test_an_imported_history_can_be_pushed_and_cloned(plain: Repo, tmp_path: Path) -> None:
    plain.theta("migrate", "import", "--rewrite", "--everything", "--include", "*.safetensors")
    plain.git("init", "-q", "--bare", "../host.git")
    plain.git("remote", "add", "origin", "../host.git")
    plain.git("push", "-q", "origin", "main")
    shutil.rmtree(plain.path / ".git" / "theta")
    plain.git("clone", "-q", "../host.git", "../clone")
    assert Repo(tmp_path / "clone").read(NAME) == B


def test_odd_commits_survive(plain: Repo) -> None:
    """Other encodings, several authors' headers, signatures, and names that need quotes."""
    plain.write('odd/a "b" ü\t.safetensors', C)
    plain.git("add", "-A")
    tree = plain.git("write-tree").strip()
    raw = (
        f"tree {tree}\nparent {plain.git('rev-parse', 'HEAD').strip()}\n"
        "author  <> 12345 +0530\ncommitter J\xfcrgen <j@example.com> -5 -0000\n"
        "gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n"
        "encoding ISO-8859-1\nsome-header one\n two\n\nGr\xfc\xdfe, no newline at the end"
    ).encode("latin-1")
    done = plain.run("git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=raw)
    plain.git("reset", "-q", "--hard", done.stdout.strip())
    output = plain.theta("migrate", "import", "--rewrite", "--include", "*.safetensors")
    assert "1 signature dropped" in output
    new = base64.b64decode(plain.run("sh", "-c", "git cat-file commit HEAD | base64").stdout)
    head, _, rest = raw.partition(b"gpgsig")
    wanted = head.split(b"\n", 2)[2] + rest[rest.index(b"encoding") :]
    assert new.split(b"\n", 2)[2] == wanted
    assert plain.git("ls-files", "--", "odd").count("safetensors") == 1
    assert plain.status() == ""


def test_signatures_end_the_messages_of_tags(plain: Repo) -> None:
    quoted = "notes\n\n-----BEGIN PGP MESSAGE-----\nquoted\n-----END PGP MESSAGE-----\n"
    signature = "-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"
    plain.git("tag", "-a", "-m", f"{quoted}the tail", "unsigned")
    plain.git("tag", "-a", "-m", f"{quoted}the tail\n{signature}", "signed")
    output = plain.theta("migrate", "import", "--rewrite", "--everything", "--include", "*.safetensors")
    assert "1 signature dropped" in output
    for name in ("unsigned", "signed"):
        _, _, message = plain.git("cat-file", "tag", name).partition("\n\n")
        assert message == f"{quoted}the tail\n"


def test_names_of_refs_need_rewrite(plain: Repo) -> None:
    assert "--rewrite" in plain.theta("migrate", "import", "--include", "*.pt", "main", ok=False)
    assert "isn't a local branch or a tag" in plain.theta(
        "migrate", "import", "--rewrite", "main~1", ok=False
    )


def test_a_repository_with_sha256(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "new")
    repo.path.mkdir()
    repo.git("init", "-q", "--object-format=sha256")
    fill(repo)
    before = contents(repo, *REVS)
    repo.theta("migrate", "import", "--rewrite", "--everything", "--include", "*.safetensors")
    assert contents(repo, *REVS) == before
    repo.theta("migrate", "export", "--to", "plain")
    assert repo.status().startswith("D  .gitattributes\n")
    assert is_manifest(repo, f"HEAD:{NAME}")


def test_files_of_any_kind_and_name(plain: Repo) -> None:
    names = {'odd/a "b" \u00fc.bin': TORCH, "odd/[x].bin": b"no checkpoint", "big.bin": bytes(5 << 20)}
    for name, data in names.items():
        plain.write(name, data)
    plain.commit("more")
    head = contents(plain, "HEAD")
    plain.theta("migrate", "import", "--rewrite", "--include", "odd/*.bin,/big.bin")
    assert contents(plain, "HEAD") == head
    assert {name: plain.read(name) for name in names} == names
    assert plain.git("cat-file", "-p", 'HEAD:odd/a "b" \u00fc.bin').split("\n")[1] == "format pytorch-legacy"
    assert plain.git("cat-file", "-p", "HEAD:odd/[x].bin").split("\n")[1] == "format opaque"
    assert not is_manifest(plain, f"HEAD:{NAME}")
    assert is_sound(plain)


def test_an_attributes_file_that_says_otherwise_is_named(plain: Repo) -> None:
    plain.write("models/.gitattributes", b"[abc].safetensors -filter\nm.safetensors filter=lfs -text\n")
    plain.git("config", "filter.lfs.clean", "cat")
    plain.commit("other filter")
    plain.write(".git/info/attributes", b"m.safetensors filter=lfs\n")
    refs = plain.git("for-each-ref")
    output = plain.theta("migrate", "import", "--rewrite", "--include", "*.safetensors", ok=False)
    assert "models/m.safetensors is included, but a line of a .gitattributes file would still" in output
    assert plain.git("for-each-ref") == refs


def test_objects_of_a_clone_come_from_the_folder_it_was_cloned_from(lfs: Repo, tmp_path: Path) -> None:
    lfs.git("clone", "-q", str(lfs.path), str(tmp_path / "clone"), env={"GIT_LFS_SKIP_SMUDGE": "1"})
    clone = Repo(tmp_path / "clone")
    assert clone.read(NAME).startswith(b"version https")
    clone.git("lfs", "install", "--local", "--skip-smudge")
    clone.theta("migrate", "import", "--rewrite")
    assert clone.read(NAME) == B
    assert is_sound(clone)


@pytest.mark.skipif(not git_host.INSTALLED, reason="giftless isn't installed")
def test_objects_come_from_the_lfs_server(lfs: Repo, tmp_path: Path) -> None:
    with git_host.serving(tmp_path / "host") as host:
        lfs.git("remote", "add", "origin", host.repository("ada/models"))
        lfs.git("push", "-q", "origin", "main", "side")
        shutil.rmtree(lfs.path / ".git" / "lfs" / "objects")
        lfs.theta("migrate", "import", "--rewrite")
    assert is_manifest(lfs, f"main:{NAME}")
    assert is_sound(lfs)


def test_a_sparse_checkout_stays_sparse(plain: Repo) -> None:
    plain.git("sparse-checkout", "set", "--no-cone", "/*", "!/models/other.safetensors")
    plain.theta("migrate", "import", "--rewrite", "--include", "*.safetensors")
    assert is_manifest(plain, "main:models/other.safetensors")
    assert not (plain.path / "models" / "other.safetensors").exists()
    assert is_sound(plain)
    plain.git("sparse-checkout", "disable")
    assert plain.read("models/other.safetensors") == C


def test_another_branch_than_the_current_one(plain: Repo) -> None:
    plain.git("branch", "copy")
    plain.write(".gitattributes", b"")
    output = plain.theta("migrate", "import", "--rewrite", "--include", "*.safetensors", "copy", "light")
    assert "2 refs moved" in output
    assert is_manifest(plain, f"copy:{NAME}")
    assert not is_manifest(plain, f"main:{NAME}")
    assert "git update-ref refs/heads/copy refs/original/refs/heads/copy" in output
    assert plain.status() == "?? .gitattributes\n"


def test_a_damaged_manifest_stays_as_it_is(repo: Repo) -> None:
    repo.write("a.safetensors", A)
    repo.commit()
    damaged = repo.git("cat-file", "-p", "HEAD:a.safetensors").encode() + b"<<<<<<< ours\n"
    repo.write("a.safetensors", damaged)
    repo.write("b.npz", b"later")
    repo.commit("as it is")
    repo.theta("migrate", "import", "--rewrite", "--include", "*.npz")
    assert repo.git("cat-file", "-p", "HEAD:a.safetensors").encode() == damaged
    assert is_manifest(repo, "HEAD:b.npz")
    output = repo.theta("migrate", "export", "--to", "plain", ok=False)
    assert "a.safetensors: blob" in output


def test_all_that_was_rewritten_can_be_undone_at_once(plain: Repo) -> None:
    plain.git("tag", "another")
    refs = plain.git("for-each-ref", "refs/heads", "refs/tags")
    output = plain.theta("migrate", "import", "--include", "*.safetensors", "--rewrite", "--everything")
    assert refs.count("\n") > 3
    assert "git push --force-with-lease --all && git push --force --tags" in output
    assert plain.git("for-each-ref", "refs/heads", "refs/tags") != refs
    (undo,) = (line for line in output.splitlines() if "update-ref --stdin" in line)
    plain.run("sh", "-c", undo)
    assert plain.git("for-each-ref", "refs/heads", "refs/tags") == refs
    assert plain.status() == ""
