from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings

from git_theta.model.manifest import Manifest
from git_theta.model.tensor import TensorSpec
from git_theta.report.change import file_change
from git_theta.report.difference_histograms import DifferenceHistogram
from git_theta.report.distance import Distance
from git_theta.report.html.page import MAX_ROWS, page
from git_theta.report.scalars import ScalarChange
from git_theta.report.side import Side
from tests.helpers.changes import HOSTILE, compared, rows, tuned
from tests.helpers.generators import manifests
from tests.helpers.manifests import A, B, C, entry, manifest

_VOID = {"meta", "img", "input", "br", "wbr", "link"}


@dataclass
class Read(HTMLParser):
    """The elements of a page."""

    tags: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    text: str = ""
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text += data


def read(text: str) -> Read:
    found = Read()
    found.feed(text)
    found.close()
    assert found.open == []
    return found


def test_one_valid_page_that_refers_to_nothing_else() -> None:
    text = page([tuned(12)], title="base → tuned", revisions=("HEAD~1", "work tree"))
    found = read(text)
    assert text.startswith("<!doctype html>")
    assert not re.search(r"https?:|//[a-z]|url\(|@import", text)
    assert not {"link", "img", "iframe", "object", "form", "base"} & set(found.tags)
    assert not [name for _, name, _ in found.attributes if name == "src" or name.startswith("on")]
    # The policy allows no style but the sheet's.
    assert not [name for _, name, _ in found.attributes if name == "style"]
    for said in ("base → tuned", "HEAD~1", "work tree", "safetensors", "1 KB (1,000 bytes)"):
        assert said in found.text


def test_the_policy_names_the_style_and_the_script() -> None:
    text = page([tuned(2)])
    (policy,) = [value for _, name, value in read(text).attributes if value.startswith("default-src")]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (body,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_counts() -> None:
    old = manifest(entry("a", A), entry("b", C), entry("n.0.x"), entry("n.1.x"), entry("s"))
    wide = TensorSpec("F32", (3, 3))
    new = manifest(
        entry("a", B), entry("c", C), entry("d", B), entry("n.0.x"), entry("n.1.x"), entry("s", B, spec=wide)
    )
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page([compared(old, new)])))
    assert facts == {
        "modified": "1",
        "added": "1",
        "removed": "0",
        "renamed": "1",
        "retyped": "0",
        "reshaped": "1",
        "unchanged": "2",
        "of values changed": "84 B",
        "newly stored": "10 B",
    }


def test_names_are_text() -> None:
    old = Side(HOSTILE, manifest(entry(HOSTILE), entry("a")), mode="100644", stored=True)
    new = replace(old, manifest=manifest(entry(HOSTILE, B), entry(HOSTILE + "2"), entry("a", B)))
    made = file_change(old, new, lambda _oid: 1, lambda _ref: None)
    made = replace(
        made,
        scalars=(ScalarChange(HOSTILE, HOSTILE, None),),
        measured={HOSTILE: Distance(6, 6, 1.0, 1.0, 1.0, 1.0, 1.0, broken=6), "a": HOSTILE},
    )
    spread = DifferenceHistogram(HOSTILE, 1.0, (1, 2, 1), 0, 0, 0)
    text = page([made, made], title=HOSTILE, revisions=(HOSTILE, HOSTILE), histograms=[[spread]])
    found = read(text)
    assert "img" not in found.tags
    assert found.tags.count("script") == 1
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]
    assert "</script><img src=x onerror=alert(1)>" in found.text
    assert "{{ 7 * 7 }}" in found.text
    assert "\x00" not in text
    assert "\u202e" not in text


@given(manifests(), manifests())
@settings(max_examples=25, deadline=None)
def test_any_two_versions_make_a_page(one: Manifest, other: Manifest) -> None:
    text = page([compared(one, other), compared(None, one), compared(one, None, stored=False)])
    text.encode()
    assert set(read(text).tags) >= {"html", "h1", "table"}


def test_everything_but_a_checkpoint() -> None:
    broken = Side("a.pt", problem="a manifest in conflict; take a side")
    found = file_change(broken, broken, lambda _oid: None, lambda _ref: None)
    text = read(page([found])).text
    assert "a manifest in conflict; take a side" in text
    assert "modified" not in text
    assert "No checkpoint changed." in read(page([])).text


def test_without_figures() -> None:
    text = page([tuned(3, figures=False)])
    found = read(text)
    assert "The values weren't read" in found.text
    assert 'data-key="relative"' not in text
    assert "newly stored bytes, of those of the values:" in found.text
    assert "Distribution" not in found.text
    unstored = compared(manifest(entry("a")), manifest(entry("a", B)), stored=False)
    text = page([unstored])
    assert 'data-key="stored"' not in text
    assert "newly stored" not in text.lower()


def test_why_there_are_no_figures() -> None:
    made = replace(tuned(2), measured=dict.fromkeys(tuned(2).measured, "object is missing\nhint: fetch"))
    assert "No figures for 4 changed parameters: object is missing." in read(page([made])).text


def test_new_nans_are_a_warning() -> None:
    made = tuned(2)
    name, sums = next(iter(made.measured.items()))
    assert isinstance(sums, Distance)
    text = read(page([replace(made, measured={**made.measured, name: replace(sums, broken=3)})])).text
    assert f"3 elements became NaN or infinite, in {name}." in text


def test_both_themes_and_paper() -> None:
    text = page([])
    assert "color-scheme: light dark" in text
    assert "@media screen and (prefers-color-scheme: dark)" in text
    assert "@media print" in text


def _luminance(colour: str) -> float:
    colour = colour if len(colour) == 7 else "#" + "".join(2 * digit for digit in colour[1:])
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_contrast_of_colours(theme: int) -> None:
    style = page([]).split("@media screen")[theme]
    colours = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]+);", style))
    for ink in ("text", "faint", "accent"):
        assert _contrast(colours[ink], colours["page"]) >= 4.5
        assert _contrast(colours[ink], colours["raised"]) >= 4.5
    assert _contrast(colours["bad"], colours["bad-page"]) >= 4.5
    levels = [_luminance(colours[f"level{index}"]) for index in range(10)]
    # Their order shows in grey, too.
    assert levels == sorted(levels, reverse=theme == 0)
    for index in range(10):
        assert _contrast(colours[f"level{index}"], colours[f"ink{index}"]) >= 4.5


# The table


def test_the_most_changed_come_first() -> None:
    text = page([tuned(3)])
    assert rows(text)[0] == "encoder.layer.2.value.weight"
    assert rows(text)[-1] == "encoder.layer.0.key.weight"
    assert 'data-key="relative" class="num"' in text
    assert 'aria-sort="descending">Relative' in text
    text = page([tuned(12, figures=False)])
    assert rows(text)[:1] + rows(text)[-1:] == ["encoder.layer.0.key.weight", "encoder.layer.11.value.weight"]


@pytest.mark.slow
def test_fifty_thousand_parameters() -> None:
    made = tuned(25_000)
    text = page([made])
    assert len(text) < 16 << 20
    assert len(rows(text)) == MAX_ROWS
    assert "The 5,000 of 50,000 that changed most" in text
    rest = text[text.index("<pre") : text.index("</pre>")].split("\n")
    assert len(rest) == 1 + 50_000 - MAX_ROWS
    assert rest[-1].startswith("encoder.layer.0.key.weight\tmodified\tF32\t2x3\t24 B\t")


def test_files_share_the_rows() -> None:
    made = tuned(400)
    text = page([made] * 10)
    assert text.count("The 500 of 800 that changed most") == 10
    assert text.count('<li><a href="#file-') == 10


def test_a_long_name_is_cut_in_the_middle() -> None:
    name = "begin" + "x" * 5000 + "end"
    text = page([compared(manifest(entry(name)), manifest(entry(name, B)))])
    (shown,) = rows(text)
    assert shown.startswith("beginxx")
    assert shown.endswith("xxend")
    assert len(shown) <= 240
