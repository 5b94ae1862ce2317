from __future__ import annotations

from git_theta.model.digest import digest


def test_the_digest_is_blake3() -> None:
    assert digest(b"") == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    assert digest(memoryview(b"weights")) == digest(b"weights") != digest(b"weight")
