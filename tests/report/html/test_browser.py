"""The page in a real browser: the script works, nothing is reported, nothing is fetched."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from git_theta.report.html.page import page
from git_theta.report.scalars import ScalarChange
from git_theta.report.write_report import write_report
from tests.helpers.browser import BROWSER, CONSOLE, browse, driven, requests
from tests.helpers.changes import HOSTILE, rows, tuned

pytestmark = pytest.mark.skipif(BROWSER is None, reason="there's no Chromium")


def shown(page: Path, tmp_path: Path, fragment: str = "") -> list[str]:
    """The names in the table, once the script has run without complaint."""
    dom, log = browse(page, tmp_path, "--dump-dom", fragment=fragment)
    assert CONSOLE not in log
    return rows(re.sub(r'scope="row" class="name"', "scope=row class=name", dom))


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    made = replace(tuned(11), scalars=(ScalarChange(HOSTILE, HOSTILE, None),))
    write_report(page([made], title=HOSTILE), str(path))
    return path


@pytest.mark.slow
def test_sorts(report: Path, tmp_path: Path) -> None:
    names = [f"encoder.layer.{i}.{part}.weight" for i in range(11) for part in ("key", "value")]
    # As written, by relative change; layer 10 is after layer 9.
    assert shown(report, tmp_path) == names[::-1]
    assert shown(report, tmp_path, "#sort=name") == names
    assert shown(report, tmp_path, "#sort=-relative") == names
    assert shown(report, tmp_path, "#sort=nonsense") == names[::-1]


def test_a_complaint_would_be_seen(tmp_path: Path) -> None:
    path = tmp_path / "bad.html"
    text = page([tuned(2)])
    write_report(
        text.replace("</main>", "<img src=x onerror=alert(1)><script>alert(1)</script></main>"), str(path)
    )
    _, log = browse(path, tmp_path, "--dump-dom")
    assert re.search(f"{CONSOLE}.*Content Security Policy", log)


def test_heads_are_buttons_that_sort_and_turn(report: Path, tmp_path: Path) -> None:
    click = "document.querySelector('[data-key=name] button').click();"
    once, twice = (shown(driven(report, click * times), tmp_path) for times in (1, 2))
    assert once[0] == "encoder.layer.0.key.weight"
    assert twice == once[::-1]


def test_the_filter_hides_rows(report: Path, tmp_path: Path) -> None:
    script = (
        "const i = document.querySelector('input'); i.value = '10 KEY'; i.dispatchEvent(new Event('input'));"
    )
    dom, log = browse(driven(report, script), tmp_path, "--dump-dom")
    assert CONSOLE not in log
    assert len(re.findall(r"<tr hidden", dom)) == 21
    assert "<output>1 of 22</output>" in dom


def test_fetches_nothing(report: Path, tmp_path: Path) -> None:
    assert requests(report, tmp_path) == set()
    path = tmp_path / "other.html"
    path.write_text('<img src="http://127.0.0.1:9/x.png">')
    assert requests(path, tmp_path) == {"http://127.0.0.1:9/x.png"}


def test_is_drawn_light_and_dark(report: Path, tmp_path: Path) -> None:
    pictures = []
    for theme in (0, 1):
        path = tmp_path / f"{theme}.png"
        browse(report, tmp_path, f"--blink-settings=preferredColorScheme={theme}", f"--screenshot={path}")
        pictures.append(path.read_bytes())
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert pictures[0] != pictures[1]
