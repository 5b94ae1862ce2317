"""A host as people use them: Git's own HTTP server, and giftless as its Git LFS server, on a free port.

`http://127.0.0.1:PORT/OWNER/NAME.git` is a bare repository in a folder; its Git LFS server is where git-lfs
looks for it. `python -m tests.helpers.git_host FOLDER PORT` is what runs.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.helpers.ports import await_port, free_port

INSTALLED = all(map(find_spec, ("giftless", "flask")))

#: Who may do anything; everybody may, unless there's a file `password` in the host's folder.
USER = "ada"

OPEN = "  - giftless.auth.allow_anon:read_write"
READ_ONLY = "  - giftless.auth.allow_anon:read_only"

_SETTINGS = """
AUTH_PROVIDERS:
{auth}
TRANSFER_ADAPTERS:
  basic:
    factory: giftless.transfer.basic_streaming:factory
    options:
      storage_class: giftless.storage.local_storage:LocalStorage
      storage_options:
        path: {path}
"""

_Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class Host:
    """A running host.

    Attributes:
        url: Where it is.
        folder: Its repositories, and in `objects` what it has by Git LFS.
        password: The user's.
    """

    url: str
    folder: Path
    password: str = ""

    def header(self) -> dict[str, str]:
        """The header that proves the user's identity."""
        return {"Authorization": _proof(self.password)}

    def repository(self, name: str = "ada/models") -> str:
        """Make a bare repository, and give its URL."""
        path = self.folder / f"{name}.git"
        subprocess.run(["git", "init", "-q", "-b", "main", "--bare", str(path)], check=True)
        subprocess.run(["git", "-C", str(path), "config", "http.receivepack", "true"], check=True)
        return f"{self.url}/{name}.git"

    def objects(self) -> dict[str, Path]:
        """Objects on the Git LFS server."""
        files = (self.folder / "objects").glob("*/*/*")
        return {path.name: path for path in files if len(path.name) == 64}


@contextmanager
def serving(folder: Path, auth: str = OPEN, password: str = "") -> Iterator[Host]:
    """Run a host.

    Args:
        folder: Where everything of it is.
        auth: How giftless knows who may do what.
        password: The user's, without which nothing is given; empty for a host that gives everything.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "giftless.yaml"
    settings.write_text(_SETTINGS.format(auth=auth, path=folder / "objects"))
    if password:
        (folder / "password").write_text(password)
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.git_host", str(folder), str(port)],
            env={**os.environ, "GIFTLESS_CONFIG_FILE": str(settings)},
            stdout=log,
            stderr=log,
            cwd=Path(__file__).parents[2],
        )
    try:
        await_port(port, (process.poll() is None for _ in itertools.count()))
        yield Host(f"http://127.0.0.1:{port}", folder, password)
    finally:
        process.terminate()
        process.wait()


def _main(folder: Path, port: int) -> None:
    from giftless.app import init_app
    from werkzeug.serving import run_simple

    password = (folder / "password").read_text() if (folder / "password").exists() else ""
    app = _locked(_routed(folder, init_app().wsgi_app), password)
    run_simple("127.0.0.1", port, app, threaded=True)


def _routed(folder: Path, lfs: _Wsgi) -> _Wsgi:
    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.endswith(("/info/refs", "/git-upload-pack", "/git-receive-pack")):
            return _git(folder, environ, start)
        if environ["REQUEST_METHOD"] == "GET" and "HTTP_RANGE" not in environ and "/objects/storage/" in path:
            return _file(folder / "objects" / path.strip("/").replace("objects/storage/", ""), environ, start)
        return lfs(environ, start)

    return app


def _file(path: Path, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """An object, in large pieces: giftless sends it line by line, which would be all that's measured."""
    from werkzeug.wsgi import wrap_file

    if not path.is_file():
        start("404 Not Found", [])
        return [b""]
    start("200 OK", [("Content-Length", str(path.stat().st_size))])
    return wrap_file(environ, path.open("rb"), 1 << 20)


def _locked(app: _Wsgi, password: str) -> _Wsgi:
    def check(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        # Actions have their rights in their URLs.
        if password and "/objects/storage/" not in environ["PATH_INFO"]:
            if environ.get("HTTP_AUTHORIZATION") != _proof(password):
                start("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="models"')])
                return [b""]
            del environ["HTTP_AUTHORIZATION"]
        return app(environ, start)

    return check


def _proof(password: str) -> str:
    return "Basic " + b64encode(f"{USER}:{password}".encode()).decode()


def _git(folder: Path, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Git's own HTTP server, by CGI."""
    chunked = environ.get("wsgi.input_terminated")
    body = environ["wsgi.input"].read(-1 if chunked else int(environ.get("CONTENT_LENGTH") or 0))
    env = {key: value for key, value in environ.items() if isinstance(value, str)}
    env |= {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(folder), "GIT_HTTP_EXPORT_ALL": "1"}
    env |= {"CONTENT_LENGTH": str(len(body)), "REMOTE_USER": USER}
    done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env=env)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
    start(headers.pop("Status", "200 OK"), list(headers.items()))
    return [content]


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
