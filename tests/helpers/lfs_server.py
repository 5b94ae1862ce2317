"""A Git LFS server in memory, whose faults a test scripts."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """The answer of a scripted fault.

    `cut` bytes of the body are sent; then the line breaks. With the status 0, it breaks at once. If it's
    `endless`, it's repeated for as long as anybody listens.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    cut: int | None = None
    endless: bool = False


@dataclass
class Server:
    """A Git LFS server whose faults are scripted: by request, the answers to give first."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    faults: dict[str, list[Answer | Callable[[Request], Answer]]] = field(default_factory=dict)
    #: The header `Authorization` that the API and the storage demand; empty for none.
    password: str = ""
    #: Changes an entry of a batch answer.
    edit: Callable[[dict[str, Any]], object] = lambda entry: None
    ranges: bool = True
    #: Whether an object of another size than the request says counts as missing.
    sizes: bool = False
    verify: bool = True

    def of(self, kind: str) -> list[Request]:
        return [request for request in self.requests if f"{request.method} {request.path}".startswith(kind)]

    def answer(self, request: Request) -> Answer:
        line = f"{request.method} {request.path}"
        for kind, faults in self.faults.items():
            if line.startswith(kind) and faults:
                fault = faults.pop(0)
                return fault if isinstance(fault, Answer) else fault(request)
        if self.password and request.headers.get("authorization") != self.password:
            return Answer(401, {"WWW-Authenticate": 'Basic realm="x"'}, b'{"message": "who are you?"}')
        if line == "POST /lfs/objects/batch":
            return self.batch(json.loads(request.body))
        oid = request.path.rpartition("/")[2]
        if request.method == "PUT":
            self.objects[oid] = request.body
            return Answer(200)
        if request.method == "POST":
            entry = json.loads(request.body)
            return Answer(200 if len(self.objects.get(entry["oid"], b"")) == entry["size"] else 422)
        data, span = self.objects[oid], request.headers.get("range")
        if not span or not self.ranges:
            return Answer(200, body=data)
        start = int(span.removeprefix("bytes=").removesuffix("-"))
        if start >= len(data):
            return Answer(416)
        return Answer(206, {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}, data[start:])

    def has(self, oid: str, size: int) -> bool:
        return oid in self.objects and (not self.sizes or size in (0, len(self.objects[oid])))

    def batch(self, request: dict[str, Any]) -> Answer:
        assert request["transfers"] == ["basic"]
        assert request["hash_algo"] == "sha256"
        entries = []
        for each in request["objects"]:
            oid, has = each["oid"], self.has(**each)
            entry: dict[str, Any] = {"oid": oid, "size": each["size"]}
            if request["operation"] == "download" and not has:
                entry["error"] = {"code": 404, "message": "not here"}
            elif request["operation"] == "download":
                entry["actions"] = {"download": {"href": f"{self.url}/store/{oid}"}}
            elif not has:
                entry["actions"] = {"upload": {"href": f"/store/{oid}", "header": {"X-Key": "k"}}}
                if self.verify:
                    entry["actions"]["verify"] = {"href": f"{self.url}/verify"}
            self.edit(entry)
            entries.append(entry)
        return Answer(200, body=json.dumps({"transfer": "basic", "objects": entries}).encode())


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {key.lower(): value for key, value in self.headers.items()}
            request = Request(self.command, self.path, headers, body)
            server.requests.append(request)
            answer = server.answer(request)
            if not answer.status:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for key, value in answer.headers.items():
                self.send_header(key, value)
            if not answer.endless and "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            while answer.endless:
                self.wfile.write(answer.body)
            self.wfile.write(answer.body[: answer.cut])
            self.close_connection = answer.cut is not None

        do_GET = do_PUT = do_POST = serve  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: object, address: object) -> None:
            pass

    http = Quiet(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{http.server_address[1]}"
    if tls:
        http.socket = tls.wrap_socket(http.socket, server_side=True)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
