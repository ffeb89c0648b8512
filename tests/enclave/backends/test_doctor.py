"""What the doctor and a run say of swap."""

from __future__ import annotations

from pathlib import Path

from velatura.enclave.backends.doctor import swap, swap_warning


def test_swap_is_named_with_what_ends_it(tmp_path: Path) -> None:
    listed = tmp_path / "swaps"
    listed.write_text("Filename Type Size Used Priority\n/dev/vda2 partition 1 0 -2\n")
    found = swap(listed)
    assert (found.absent, found.brings) == ("memory may be written to /dev/vda2", "swapoff -a")
    assert swap_warning(found) == ("memory may be written to /dev/vda2 while the job computes; keys never are (swapoff -a, or encrypt it)",)


def test_without_swap_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "swaps").write_text("Filename Type Size Used Priority\n")
    for listed in (tmp_path / "swaps", tmp_path / "none"):
        assert swap(listed).absent == ""
        assert swap_warning(swap(listed)) == ()
