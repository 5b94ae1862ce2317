"""The remote for a URL, as `theta.remote.NAME.url` gives it or as a repository's own URL leads to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from git_theta.store.bucket import BucketRemote
from git_theta.store.folder import FolderRemote
from git_theta.store.lfs.http_settings import without_password
from git_theta.store.remote import Remote, TransferError
from git_theta.store.ssh import SshRemote

_BUCKETS = ("s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss")


@dataclass(frozen=True, slots=True)
class SshPlace:
    """A repository reached by SSH.

    Attributes:
        host: The host, with `user@` before it if there's one.
        port: The port, if the URL has one.
        path: The repository's path there.
    """

    host: str
    port: int | None
    path: str


def ssh_place(url: str) -> SshPlace | None:
    """The parts of `ssh://user@host:port/path` or `user@host:path`; `None` if it's neither."""
    if re.match(r"(git\+)?ssh(\+git)?://", url):
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise TransferError(f"{without_password(url)}: the port isn't a number") from error
        user = f"{unquote(parts.username)}@" if parts.username else ""
        path = unquote(parts.path)
        return SshPlace(user + (parts.hostname or ""), port, path[1:] if path.startswith("/~") else path)
    # As Git has it, what has a slash before its first colon is a path.
    match = re.fullmatch(r"(?P<host>[^/:\[\]]+|[^/:\[\]]*\[[^\]/]*\]):(?!//)(?P<path>.+)", url)
    if not match:
        return None
    return SshPlace(re.sub(r"[\[\]]", "", match["host"]), None, match["path"])


def is_bucket(url: str) -> bool:
    """Whether a URL is that of a bucket."""
    return url.partition("://")[0].lower() in _BUCKETS


def remote_at(
    url: str,
    http: Callable[[str], Remote],
    ssh: Sequence[str],
    environment: Mapping[str, str],
    base: Path,
    mode: int | None = None,
) -> Remote:
    """The remote at a URL.

    Args:
        url: A bucket (`s3://`, `gs://`, `az://`, `abfs://`), an LFS server (`http://`, `https://`), a
            repository reached by SSH (`ssh://` or `host:path`), or a folder (`file://` or a path). If a
            folder is a repository, the objects are in its folder `theta`.
        http: Makes the remote of an LFS server.
        ssh: The command for SSH; see `ssh_command`.
        environment: Environment variables.
        base: The folder that a relative path starts from.
        mode: Permissions of files in a folder that's shared; see `FolderRemote`.

    Raises:
        TransferError: No remote is of this kind, or the URL isn't valid.
    """
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme in ("http", "https"):
        return http(url)
    if is_bucket(url):
        return BucketRemote(url, environment)
    if scheme == "file":
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost"):
            raise TransferError(
                f"{without_password(url)} names a host", "write file:/// with three slashes, or a path"
            )
        return FolderRemote(objects_folder(Path(unquote(parts.path))), mode)
    if not (base / url).exists() and (place := ssh_place(url)):
        return SshRemote(ssh, place.host, place.port, place.path)
    if scheme:
        raise TransferError(
            f"{without_password(url)}: no remote is reached by {scheme}://",
            "set theta.remote.NAME.url to s3://, gs://, az://, https://, ssh://, file:// or a folder",
        )
    return FolderRemote(objects_folder(base / Path(url).expanduser()), mode)


def objects_folder(path: Path) -> Path:
    """The folder with the objects of a repository, bare or not; any other folder is that itself."""
    for folder in (path / ".git", path, path.with_name(f"{path.name}.git")):
        folder = _followed(folder)
        if _is_repository(folder):
            return folder / "theta"
    return path


def in_repository(folder: Path) -> bool:
    """Whether a folder is what `objects_folder` gives for a repository."""
    return folder.name == "theta" and _is_repository(folder.parent)


def _is_repository(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()


def _followed(folder: Path) -> Path:
    """Where the `.git` of a submodule or of one more work tree leads; any other folder is that itself."""
    try:
        word, _, target = folder.read_text(errors="surrogateescape").strip().partition(": ")
        if word != "gitdir":
            return folder
        found = folder.parent / target
        common = found / "commondir"
        return found / common.read_text(errors="surrogateescape").strip() if common.is_file() else found
    except OSError:
        return folder


def shared_mode(value: str) -> int | None:
    """Permissions that `core.sharedRepository` gives files, or `None` if it leaves them alone."""
    names = {"group": 0o660, "true": 0o660, "1": 0o660}
    names |= dict.fromkeys(("all", "world", "everybody", "2"), 0o664)
    if value.lower() in names:
        return names[value.lower()]
    return int(value, 8) if re.fullmatch(r"0[0-7]{3}", value) else None
