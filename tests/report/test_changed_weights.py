"""Changes as they are told: parameters of a quantised weight together."""

from __future__ import annotations

from git_theta.model.manifest import Entry
from git_theta.model.tensor import TensorSpec
from git_theta.report.changed_weights import weight_changes
from git_theta.report.lines import lines, plain
from tests.helpers.changes import compared
from tests.helpers.manifests import A, B, entry, manifest


def layer(number: int, digest: str, scales: str | None = None) -> list[Entry]:
    return [
        entry(f"h.{number}.g_idx", A, spec=TensorSpec("I32", (64,))),
        entry(f"h.{number}.qweight", digest, spec=TensorSpec("I32", (8, 96))),
        entry(f"h.{number}.qzeros", A, spec=TensorSpec("I32", (2, 12))),
        entry(f"h.{number}.scales", scales or digest, spec=TensorSpec("F16", (2, 96))),
    ]


def test_quantised_weights_share_a_line() -> None:
    old = manifest(*layer(0, A), *layer(1, A), entry("norm"))
    found = compared(old, manifest(*layer(0, B), *layer(1, B), entry("norm", B)))
    assert plain(lines(found)) == [
        "m.pt: 5 of 9 parameters changed; 10 B stored for 1 KB",
        "    ~ h.{0-1}.{qweight,scales}  GPTQ 4 bits 96x64  x2  dense  40 B of 6.91 KB",
        "    ~ norm                      F32 2x3            dense  10 B of 24 B",
    ]


def test_a_part_alone_is_a_parameter() -> None:
    found = compared(manifest(*layer(0, A)), manifest(*layer(0, A, B)))
    (change,) = weight_changes(found)
    assert (change.names, change.type) == (("h.0.scales",), "F16 2x96")


def test_a_new_scheme_is_told() -> None:
    spec = TensorSpec("I32", (64, 12))
    old = manifest(*layer(0, A))
    rest = [each for each in layer(0, B) if not each.name.endswith("qweight")]
    new = manifest(entry("h.0.qweight", B, spec=spec), *rest)
    (change,) = weight_changes(compared(old, new))
    assert change.type == "GPTQ 4 bits 96x64 -> AWQ 4 bits 96x64"


def test_added_and_removed_ones() -> None:
    for versions in ((None, manifest(*layer(0, A))), (manifest(*layer(0, A)), None)):
        (change,) = weight_changes(compared(*versions))
        assert change.names == ("h.0.{qweight,g_idx,qzeros,scales}",)
