"""Push and clone with the objects in a bucket, which the repository itself names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import s3
from tests.helpers.repo import Repo
from tests.helpers.small_models import NAME, model

pytest.importorskip("obstore")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3.serving() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        yield url


def test_a_bucket_that_the_repository_names(repo: Repo, endpoint: str, tmp_path: Path) -> None:
    (repo.path / ".theta").mkdir()
    url = f"s3://{s3.make_bucket(endpoint)}/models"
    (repo.path / ".theta" / "config.toml").write_text(f'[remote]\nurl = "{url}"\n')
    repo.git("init", "-q", "--bare", str(tmp_path / "bare.git"))
    repo.git("remote", "add", "origin", f"file://{tmp_path}/bare.git")
    repo.write(NAME, model(1))
    repo.commit("one")
    place = url.removesuffix("/models")
    assert f"git config --add theta.trustedPlace {place}\n" in repo.git("push", "origin", "main", ok=False)
    repo.git("config", "theta.trustedPlace", place)
    said = repo.git("push", "origin", "main")
    assert "sent 1 object" in said
    assert f", to {url}\n" in said
    assert not (tmp_path / "bare.git" / "theta").exists()
    (repo.path / ".git" / "theta").rename(tmp_path / "away")
    Repo(tmp_path).git(
        "clone", "-q", "-c", f"theta.trustedPlace={url}", f"file://{tmp_path}/bare.git", "clone"
    )
    made = Repo(tmp_path / "clone")
    assert made.read(NAME) == model(1)
    assert url in made.theta("env")
