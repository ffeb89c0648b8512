"""The demo's second half: plates and the portrait, protected and attacked, with the report that an audit writes.

One portrait is one identity: it is inverted, not recognised. Plates are rendered here and read back. Nothing but the core is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from velatura.audit.run import Audited
    from velatura.obfuscation.report import Protected
    from velatura.progress import Progress

__all__ = ["FOLDER", "attacked", "summary"]

FOLDER = "report"
METHODS = ("fill", "pixelate:8", "blur:5%")
PLATES = "rendered:20"


def attacked(out: Path, done: Sequence[Protected], *, force: bool, progress: Progress) -> Audited:
    """Attack the demo's methods on the first picture among what was protected, and on plates; the report goes into `out`/report."""
    from velatura.audit.obfuscation.options import ObfuscationOptions
    from velatura.audit.run import audit
    from velatura.audit.spec import AuditSpec

    pictures = [item.file.name for item in done if item.kind == "picture" and item.tracks]
    options = ObfuscationOptions(
        methods=METHODS,
        people=pictures[0] if pictures else "",
        plates=PLATES,
        region="detect",
        attacks=("reconstruct", "text") if pictures else ("text",),
    )
    spec = AuditSpec(room="obfuscation", title="The demo, attacked", obfuscation=options)
    return audit(spec, out / FOLDER, base=out, command="velatura demo", force=force, progress=progress)


def summary(done: Audited) -> list[str]:
    """A line a finding, for the terminal."""
    return [f"{finding.verdict.upper()}: {finding.attack}, {finding.target}" for finding in done.report.findings]
