"""`velatura doctor` ends with 4 where the main job cannot run."""

from __future__ import annotations

import json
import sys

import pytest

import velatura.sandbox.layers
from velatura.cli.main import main
from velatura.sandbox import Layer


@pytest.mark.skipif(sys.platform != "linux", reason="confinement: only Linux has it")
@pytest.mark.parametrize("layer", list(Layer))
def test_a_layer_that_media_need_is_needed_and_the_others_are_only_told(layer, weights, monkeypatch, capsys):
    monkeypatch.setenv("VELATURA_HOME", str(weights("yunet-n").folder.parent))
    monkeypatch.setattr(velatura.sandbox.layers, "layers", lambda: {**dict.fromkeys(Layer, ""), layer: "taken away"})
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--json"])
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["result"]["checks"]}
    assert checks[f"sandbox {layer}"]["state"] == "missing"
    assert checks[f"sandbox {layer}"]["needed"] == (layer in {Layer.SECCOMP, Layer.RLIMITS})
    assert (ended.value.code or 0) == (4 if layer in {Layer.SECCOMP, Layer.RLIMITS} else 0)
