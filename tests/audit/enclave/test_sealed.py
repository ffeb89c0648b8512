"""Files that were tampered with, in the real process: it opens what is whole, before and after, and nothing else."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest

from velatura.attacks.enclave.sealed_tampering import HONEST, WAYS
from velatura.audit.enclave.sealed import SealedArm, SealedStage
from velatura.enclave.backends.process import ProcessBackend

LACKING = ProcessBackend().lacking()
pytestmark = pytest.mark.skipif(bool(LACKING), reason=f"no process can be confined here: {', '.join(LACKING)}")


def test_the_process_opens_what_is_whole_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    with ExitStack() as stack:
        stage = SealedStage(stack)
        whole, apart = SealedArm(stage, whole=True), SealedArm(stage, whole=False)
        assert apart(HONEST, rng)
        assert [way for way in WAYS if not apart(way, rng)] == []
        assert whole(HONEST, rng)
        assert [way for way in WAYS if whole(way, rng)] == []
        assert whole(HONEST, rng), "the process that refused them was not deaf"
