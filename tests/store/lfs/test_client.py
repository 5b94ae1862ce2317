from __future__ import annotations

import hashlib
import json
import shutil
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from git_theta.store.credential import Credential
from git_theta.store.lfs.client import LfsRemote
from git_theta.store.lfs.endpoint import Endpoint
from git_theta.store.local import LocalStore
from git_theta.store.remote import RemoteObject, TransferError
from git_theta.store.retry import RetryPolicy
from git_theta.store.ssh_address import SshAddress
from git_theta.store.transfer import fetch, push
from git_theta.testing import check_remote
from tests.helpers.lfs_server import Answer, Request, Server, serving

QUICK = RetryPolicy(delay=0.0, tries=4)
A = bytes(range(256)) * 4000
B = b"b" * 1000


def name(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wanted(*objects: bytes) -> list[RemoteObject]:
    return [RemoteObject(name(data), len(data)) for data in objects]


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    with serving() as made:
        yield made


@dataclass
class Wallet:
    """A source of credentials, one after another, that logs whether they were accepted."""

    credentials: list[Credential]
    log: list[str] = field(default_factory=list)

    def fill(self, url: str) -> Credential | None:
        self.log.append("fill")
        return self.credentials.pop(0) if self.credentials else None

    def approve(self, url: str, credential: Credential) -> None:
        self.log.append(f"approve {credential.password}")

    def reject(self, url: str, credential: Credential) -> None:
        self.log.append(f"reject {credential.password}")


def remote(server: Server, wallet: Wallet | None = None, **settings: str) -> LfsRemote:
    named = {key.replace("__", "."): value for key, value in settings.items()}
    return LfsRemote(Endpoint(f"{server.url}/lfs"), named, wallet, {}, ref="refs/heads/main")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    made = LocalStore(tmp_path / "theta")
    made.put([A])
    made.put([B])
    return made


@pytest.fixture
def empty(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "empty")


def test_the_contract_of_plugins(server: Server) -> None:
    server.sizes = True
    check_remote(remote(server))


def test_push_and_fetch(server: Server, store: LocalStore, empty: LocalStore) -> None:
    done = push(remote(server), wanted(A, B), store, policy=QUICK)
    assert (done.count, done.bytes, done.failed) == (2, len(A) + len(B), {})
    assert server.objects == {name(A): A, name(B): B}
    request = server.of("POST /lfs")[0]
    assert request.headers["accept"] == request.headers["content-type"] == "application/vnd.git-lfs+json"
    assert json.loads(request.body)["ref"] == {"name": "refs/heads/main"}
    assert {request.headers["x-key"] for request in server.of("PUT")} == {"k"}
    assert len(server.of("POST /verify")) == 2
    assert push(remote(server), wanted(A, B), store, policy=QUICK).present == 2
    done = fetch(remote(server), wanted(A, B), empty, policy=QUICK)
    assert (done.count, done.failed) == (2, {})
    assert sorted(empty.list()) == sorted(store.list())


def test_objects_that_the_server_lacks(server: Server, empty: LocalStore) -> None:
    done = fetch(remote(server), wanted(A), empty, policy=QUICK)
    assert "isn't at http://127.0.0.1" in str(done.failed[name(A)])


@pytest.mark.parametrize("code", [410, 422, 403])
def test_errors_of_one_object(server: Server, store: LocalStore, empty: LocalStore, code: int) -> None:
    def edit(entry: dict[str, Any]) -> None:
        if entry["oid"] == name(A):
            entry.pop("actions")
            entry["error"] = {"code": code, "message": "because\x1b[31m"}

    server.edit = edit
    done = push(remote(server), wanted(A, B), store, policy=QUICK)
    assert done.count == 1
    assert f"(HTTP {code}): because [31m" in str(done.failed[name(A)])
    server.objects[name(A)] = A
    done = fetch(remote(server), wanted(A, B), empty, policy=QUICK)
    assert list(done.failed) == [name(A)]


@pytest.mark.parametrize("line", ["POST /lfs", "PUT", "POST /verify", "GET"])
@pytest.mark.parametrize(
    "fault",
    [
        Answer(500),
        Answer(503),
        Answer(429, {"Retry-After": "0"}),
        Answer(0),
        Answer(502, body=b"x" * 9, cut=3),
    ],
    ids=["500", "503", "429", "nothing", "cut"],
)
def test_passing_failures(
    server: Server, store: LocalStore, empty: LocalStore, line: str, fault: Answer
) -> None:
    server.faults = {line: [fault]}
    assert push(remote(server), wanted(A), store, policy=QUICK).failed == {}
    assert server.objects == {name(A): A}
    # When only the confirmation fails, the object isn't sent again.
    assert len(server.of("PUT")) == (2 if line == "PUT" else 1)
    assert fetch(remote(server), wanted(A), empty, policy=QUICK).failed == {}
    assert server.faults == {line: []}


def test_a_server_says_when_to_try_again(server: Server) -> None:
    server.faults = {"POST /lfs": [Answer(429, {"Retry-After": "17"}, b'{"message": "slow down"}')]}
    with pytest.raises(TransferError, match="slow down") as caught:
        remote(server).uploads(wanted(A))
    assert (caught.value.retry, caught.value.after) == (True, 17.0)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (403, "ask for the right"),
        (404, "lfs.url"),
        (413, "higher limit"),
        (507, "free some space"),
        (501, "lfs"),
    ],
)
def test_hints_of_errors(server: Server, store: LocalStore, status: int, said: str) -> None:
    server.faults = {"POST /lfs": [Answer(status, body=b"<html>")]}
    with pytest.raises(TransferError, match=rf"\(HTTP {status}\)\nhint: .*{said}"):
        push(remote(server), wanted(A), store, policy=QUICK)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"objects": [{}]}',
        b'{"objects": [{"oid": "%s", "actions": {"upload": {}}}]}',
        b'{"objects": [{"oid": "%s", "actions": {"upload": {"href": "file:///etc/passwd"}}}]}',
        b'{"objects": [{"oid": "%s", "actions": {"upload": {"href": "http://host:port/"}}}]}',
        b'{"objects": [{"oid": "%s", "actions": {"upload": {"href": "/a", "header": {"X": "a\\nY: b"}}}}]}',
        b'{"objects": [{"oid": "%s", "actions": {"upload": {"href": "/a", "header": {"X: b": "a"}}}}]}',
        b'{"objects": [{"oid": "%s", "actions": {"upload": {"href": "/a", "expires_at": "soon"}}}]}',
        b"[" * 100_000,
        b'{"objects": [], "transfer": "tus"}',
        b'{"objects": [], "hash_algo": "sha512"}',
    ],
)
def test_invalid_answers(server: Server, body: bytes) -> None:
    server.faults = {"POST /lfs": [Answer(200, body=body.replace(b"%s", name(A).encode()))]}
    with pytest.raises(TransferError) as caught:
        remote(server).uploads(wanted(A))
    assert not caught.value.retry


def test_objects_that_were_not_asked_for_are_ignored(server: Server) -> None:
    server.edit = lambda entry: entry.update(oid="../../etc/passwd")
    server.objects = {name(A): A}
    assert remote(server).downloads(wanted(A)) == {}


def test_an_object_without_an_answer_is_missing(server: Server, store: LocalStore) -> None:
    server.faults = {"POST /lfs": [Answer(200, body=b'{"objects": []}')]}
    done = push(remote(server), wanted(A), store, policy=QUICK)
    assert "didn't answer for object" in str(done.failed[name(A)])


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_download_goes_on(server: Server, empty: LocalStore, ranges: bool) -> None:
    server.objects, server.ranges = {name(A): A}, ranges
    server.faults = {"GET": [Answer(200, body=A, cut=300_000)]}
    done = fetch(remote(server), wanted(A), empty, policy=QUICK)
    assert done.failed == {}
    assert done.bytes == len(A) + (0 if ranges else 300_000)
    assert [request.headers.get("range") for request in server.of("GET")] == [None, "bytes=300000-"]
    empty.verify(name(A))


@pytest.mark.parametrize(
    "fault",
    [
        Answer(416),
        Answer(206, {"Content-Range": "bytes 7-1023999/1024000"}, A[7:]),
        Answer(206, {}, A[:10]),
    ],
    ids=["416", "elsewhere", "unnamed"],
)
def test_ranges_that_are_not_what_was_asked_for(server: Server, empty: LocalStore, fault: Answer) -> None:
    server.objects = {name(A): A}
    empty.incoming.mkdir(parents=True)
    (empty.incoming / name(A)).write_bytes(A[:1000])
    server.faults = {"GET": [fault]}
    assert fetch(remote(server), wanted(A), empty, policy=QUICK).failed == {}
    assert [request.headers.get("range") for request in server.of("GET")] == ["bytes=1000-", None]
    empty.verify(name(A))


def test_wrong_bytes(server: Server, empty: LocalStore) -> None:
    server.objects = {name(A): A[:-1] + b"x", name(B): B + b"x"}
    done = fetch(remote(server), wanted(A, B), empty, policy=QUICK)
    assert "another SHA-256" in str(done.failed[name(A)])
    assert "1001 bytes, not 1000" in str(done.failed[name(B)])
    assert list(empty.list()) == []


def test_answers_without_an_end(server: Server, store: LocalStore, empty: LocalStore) -> None:
    server.objects = {name(A): A}
    server.faults = {"GET": [Answer(200, body=A, endless=True)]}
    done = fetch(remote(server), wanted(A), empty, policy=QUICK)
    assert "it's longer" in str(done.failed[name(A)])
    server.faults = {"POST /lfs": [Answer(403, body=B, endless=True)]}
    with pytest.raises(TransferError, match="HTTP 403"):
        push(remote(server), wanted(A), store, policy=QUICK)
    server.faults, server.verify = {"PUT": [Answer(200, body=B, endless=True)]}, False
    assert push(remote(server), wanted(B), store, policy=QUICK).failed == {}


def test_a_request_that_has_none_of_the_objects(server: Server, empty: LocalStore) -> None:
    server.faults = {
        "POST /lfs": [Answer(404, body=b'{"message": "Cannot find any of the requested objects"}')]
    }
    assert remote(server).downloads(wanted(A)) == {}
    server.faults = {"POST /lfs": [Answer(404, body=b'{"message": "Not Found"}')]}
    with pytest.raises(TransferError, match="HTTP 404"):
        remote(server).downloads(wanted(A))


def test_a_damaged_object_is_not_sent(server: Server, store: LocalStore) -> None:
    path = store.path(name(A))
    path.chmod(0o644)
    path.write_bytes(A[:-1] + b"x")
    done = push(remote(server), wanted(A), store, policy=QUICK)
    assert "damaged here" in str(done.failed[name(A)])
    assert server.objects == {}


def test_an_upload_that_is_redirected_by_303_may_not_have_arrived(server: Server, store: LocalStore) -> None:
    server.faults = {"PUT": [Answer(303, {"Location": "/elsewhere"})] * 9}
    assert "303" in str(push(remote(server), wanted(A), store, policy=QUICK).failed[name(A)])


def test_a_password_from_the_helper(server: Server, store: LocalStore) -> None:
    server.password = basic("me", "right")
    wallet = Wallet([Credential("me", "wrong"), Credential("me", "right")])
    assert push(remote(server, wallet), wanted(A, B), store, policy=QUICK).failed == {}
    assert wallet.log == ["fill", "reject wrong", "fill", "approve right"]


def test_no_password(server: Server, store: LocalStore) -> None:
    server.password = "x"
    wallet = Wallet([Credential("me", word) for word in "abcdef"])
    for given, log in ((None, []), (wallet, ["fill", "reject a", "fill", "reject b", "fill", "reject c"])):
        with pytest.raises(TransferError, match=r"who are you\?\nhint: .*credential helper"):
            push(remote(server, given), wanted(A), store, policy=QUICK)
        assert given is None or given.log == log


def test_a_password_in_the_url(server: Server, store: LocalStore) -> None:
    server.password = basic("me", "p w")
    url = server.url.replace("://", "://me:p%20w@") + "/lfs"
    made = LfsRemote(Endpoint(url), {}, None, {})
    assert made.url == f"{server.url}/lfs"
    assert push(made, wanted(A), store, policy=QUICK).failed == {}


def test_a_header_from_settings(server: Server, elsewhere: Server, store: LocalStore) -> None:
    server.password = "Bearer t"
    server.edit = lambda entry: entry["actions"]["upload"].update(
        href=f"{elsewhere.url}/store/{entry['oid']}"
    )
    server.verify = False
    made = remote(server, http__extraheader="Authorization: Bearer t")
    assert push(made, wanted(A), store, policy=QUICK).failed == {}
    assert "authorization" not in elsewhere.of("PUT")[0].headers
    assert elsewhere.objects == {name(A): A}


def test_passwords_stay_with_their_server(server: Server, elsewhere: Server, store: LocalStore) -> None:
    server.password = basic("me", "right")

    def edit(entry: dict[str, Any]) -> None:
        upload = entry["actions"]["upload"]
        if entry["oid"] == name(A):
            upload["href"] = f"{elsewhere.url}/store/{name(A)}"
        else:
            upload["header"] = {"X-Key": "k"}

    def redirect(request: Request) -> Answer:
        assert request.headers["authorization"] == basic("me", "right")
        return Answer(307, {"Location": f"{elsewhere.url}/store/{name(B)}"})

    server.edit, server.verify = edit, False
    server.faults = {f"PUT /store/{name(B)}": [redirect]}
    wallet = Wallet([Credential("me", "right")])
    assert push(remote(server, wallet), wanted(A, B), store, policy=QUICK).failed == {}
    assert elsewhere.objects == {name(A): A, name(B): B}
    assert not any("authorization" in request.headers for request in elsewhere.requests)
    assert [request.headers.get("x-key") for request in elsewhere.of(f"PUT /store/{name(B)}")] == [None]


def test_redirects(server: Server, store: LocalStore, empty: LocalStore) -> None:
    for line, target in (("POST /lfs", "/lfs/objects/batch"), ("PUT", f"/store/{name(A)}")):
        server.faults = {line: [Answer(308, {"Location": target})]}
        server.objects.clear()
        assert push(remote(server), wanted(A), store, policy=QUICK).failed == {}
    server.faults = {"GET": [Answer(302, {"Location": f"{server.url}/store/{name(A)}"})]}
    assert fetch(remote(server), wanted(A), empty, policy=QUICK).failed == {}


@pytest.mark.parametrize("target", ["/lfs/objects/batch", "file:///etc/passwd", "http://host:port/"])
def test_bad_redirects(server: Server, target: str) -> None:
    server.faults = {"POST /lfs": [Answer(307, {"Location": target})] * 10}
    with pytest.raises(TransferError, match="redirects"):
        remote(server).uploads(wanted(A))


def test_a_length_of_more_digits_than_python_reads(server: Server, empty: LocalStore) -> None:
    server.objects = {name(A): A}
    server.faults = {"GET": [Answer(200, {"Content-Length": "9" * 5000}, A, cut=len(A))]}
    assert fetch(remote(server), wanted(A), empty, policy=QUICK).failed == {}


def test_expired_actions_are_asked_for_again(server: Server, empty: LocalStore) -> None:
    moment = [0.0]
    server.objects = {name(A): A}
    server.edit = lambda entry: entry["actions"]["download"].update(expires_in=60)
    made = LfsRemote(Endpoint(f"{server.url}/lfs"), {}, None, {}, clock=lambda: moment[0])
    way = made.downloads(wanted(A))[name(A)]
    moment[0] = 59.0
    with empty_file(empty) as file, pytest.raises(TransferError, match="expired") as caught:
        way(file, 0, lambda _: None)
    assert caught.value.renew
    assert server.of("GET") == []


@contextmanager
def empty_file(store: LocalStore) -> Iterator[Any]:
    store.tmp.mkdir(parents=True)
    with (store.tmp / "x").open("w+b") as file:
        yield file


def test_a_token_that_the_server_says_has_expired(server: Server, store: LocalStore) -> None:
    tokens = iter("ab")
    server.edit = lambda entry: entry["actions"]["upload"].update(header={"Authorization": next(tokens)})
    server.faults = {"PUT": [Answer(401)]}
    assert push(remote(server), wanted(A), store, policy=QUICK).failed == {}
    assert [request.headers["authorization"] for request in server.of("PUT")] == ["a", "b"]


def test_access_by_ssh(server: Server, store: LocalStore, tmp_path: Path) -> None:
    server.password = "Token 2"
    server.edit = lambda entry: entry["actions"]["upload"]["header"].update(Authorization="Token 2")
    server.verify = False
    program = tmp_path / "ssh"
    answer = json.dumps({"href": f"{server.url}/lfs", "header": {"Authorization": "Token N"}})
    program.write_text(
        f"#!/bin/sh\necho x >>{tmp_path}/log\necho '{answer}' | sed \"s/N/$(grep -c x {tmp_path}/log)/\"\n"
    )
    program.chmod(0o755)
    endpoint = Endpoint("https://unused.invalid/lfs", SshAddress("git@host", None, "a"))
    made = LfsRemote(endpoint, {"core.sshcommand": str(program)}, None, {"PATH": "/usr/bin:/bin"})
    assert push(made, wanted(A), store, policy=QUICK).failed == {}
    server.password = "other"
    with pytest.raises(TransferError, match="401"):
        made.uploads(wanted(B))


def test_a_server_that_is_not_there(server: Server) -> None:
    endpoint = Endpoint("http://127.0.0.1:9/lfs")
    with pytest.raises(TransferError, match=r"can't connect to http://127.0.0.1:9/.*refused") as caught:
        LfsRemote(endpoint, {}, None, {}).uploads(wanted(A))
    assert caught.value.retry


def test_a_proxy(server: Server, store: LocalStore) -> None:
    made = LfsRemote(Endpoint("http://far.invalid/lfs"), {"http.proxy": server.url}, None, {})
    server.faults = {"POST http://far.invalid/lfs/objects/batch": [Answer(403)]}
    with pytest.raises(TransferError, match="403"):
        made.uploads(wanted(A))


@pytest.mark.skipif(not shutil.which("openssl"), reason="makes a certificate")
def test_certificates(store: LocalStore, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with serving(tls) as server:
        with pytest.raises(TransferError, match=r"(?i)certificate.*\nhint: .*sslCAInfo") as caught:
            remote(server).uploads(wanted(A))
        assert not caught.value.retry
        for settings in ({"http.sslcainfo": str(certificate)}, {"http.sslverify": "false"}):
            server.objects.clear()
            made = LfsRemote(Endpoint(f"{server.url}/lfs"), settings, None, {})
            assert push(made, wanted(A, B), store, policy=QUICK).failed == {}


def test_a_connection_is_used_again(server: Server, store: LocalStore) -> None:
    made = remote(server)
    for _ in range(3):
        assert push(made, wanted(A), store, policy=QUICK).failed == {}
    pools = list(made._http._pools.values())
    assert [pool.connection_from_url(server.url).num_connections for pool in pools] == [1]
