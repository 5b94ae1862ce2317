"""The page of a lineage graph in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from git_theta.report.write_report import write_report
from tests.helpers.browser import BROWSER, CONSOLE, browse, driven, requests
from tests.helpers.lineage_pages import full_page, hostile_page
from tests.helpers.variants import mostly_slow

pytestmark = pytest.mark.skipif(BROWSER is None, reason="there's no Chromium")


def written(tmp_path: Path, page: str) -> Path:
    path = tmp_path / "lineage.html"
    write_report(page, str(path))
    return path


def shown(page: Path, tmp_path: Path, script: str) -> str:
    """The elements after a script, which a page without its policy ran without complaint."""
    dom, log = browse(driven(page, script), tmp_path, "--dump-dom")
    assert CONSOLE not in log
    return dom


#: A user's session, whose results are the page's title.
SESSION = """
const put = (id, value, event) => {
  const element = document.getElementById(id);
  element.value = value;
  element.dispatchEvent(new Event(event));
};
const press = (key) =>
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const numbers = () => [...world.querySelectorAll("[transform], path.edge, rect.group")]
  .flatMap((part) => ["transform", "d", "y", "height"].map((name) => part.getAttribute(name) || ""))
  .flatMap((text) => (text.match(/-?[0-9.]+/g) || []).map(Number));
const written = numbers();
const unfoldAll = document.getElementById("unfold");
unfoldAll.click();
const lists = document.querySelectorAll(".version-list").length;
const below = (one, other) => one.y + one.shift + one.height + one.grown <= other.y + other.shift + 0.2;
const beside = (one, other) => one.x + one.width <= other.x;
const apart = families.every((one, place) => families.slice(place + 1).every((other) =>
  beside(one, other) || beside(other, one) || below(one, other) || below(other, one)));
const under = (one, other) => one.nowY + modelHeight + versionHeight(one) <= other.nowY + 0.1;
const clear = families.every(({ nodes: all }) => all.every((one, place) => all.slice(place + 1).every(
  (other) =>
  Math.abs(one.x - other.x) >= modelWidth || under(one, other) || under(other, one))));
unfoldAll.click();
const same = numbers().every((number, place) => Math.abs(number - written[place]) < 0.7);

document.getElementById("m1").dispatchEvent(new MouseEvent("click", { bubbles: true }));
nodes[1].element.focus();
press("v");
press("ArrowLeft");
press("+");
press("0");
put("colour", "size", "change");
put("search", "-1", "input");
document.title = [chosen.number, lists, apart, clear, same, unfolded.size, families.length > 1].join();
"""


@pytest.mark.parametrize("count", mostly_slow([20, 100, 1000], quick=[20]))
def test_a_graph_is_explored(count: int, tmp_path: Path) -> None:
    dom = shown(written(tmp_path, full_page(count)), tmp_path, SESSION)
    assert f"<title>0,{count},true,true,true,1,true</title>" in dom
    assert 'data-colour="size"' in dom
    assert dom.count('class="version-list"') == 1
    panel = dom.split('<aside id="panel"')[1].split("</aside>")[0].replace("<wbr>", "")
    assert "model.safetensors</h2>" in panel
    assert "loss, 2 values from 0.25 to 0.5" in panel
    assert "Made into" in panel
    assert re.search(r'<output id="matches">\d+ of [\d,]+</output>', dom)


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    page = written(tmp_path, hostile_page())
    dom, log = browse(page, tmp_path, "--dump-dom", fragment="#m0")
    assert CONSOLE not in log
    panel = dom.split('<aside id="panel"')[1].split("</aside>")[0]
    assert "&lt;/script&gt;&lt;img" in panel
    assert "<img" not in panel
    assert requests(page, tmp_path) == set()


def test_is_drawn_light_and_dark(tmp_path: Path) -> None:
    page, pictures = written(tmp_path, full_page(20)), []
    for theme in (0, 1):
        path = tmp_path / f"{theme}.png"
        browse(page, tmp_path, f"--blink-settings=preferredColorScheme={theme}", f"--screenshot={path}")
        pictures.append(path.read_bytes())
    assert pictures[0] != pictures[1]
