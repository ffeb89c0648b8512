"""Which detectors look for what, and what is said when one is not here."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.weights import Weights

from velatura.detect.registry import DETECTORS, TARGETS, choose, load
from velatura.errors import BadInput, BadSpec, Missing
from velatura.models.catalogue import catalogue
from velatura.models.store import ModelStore


def test_every_model_of_the_catalogue_has_a_detector_with_its_labels_form_and_scores(weights: Weights) -> None:
    assert {name for name, entry in catalogue().items() if entry.is_model} == set(DETECTORS.ours)
    for name in ("yunet-n", "yunet-s", "centerface", "fastestdet", "ultralight-rfb-640"):
        entry, detector = catalogue()[name], load(name, weights(name))
        assert detector.name == name
        assert detector.labels == set(entry.labels)
        assert (detector.form.order, detector.form.size, detector.form.fit) == (entry.input.order, entry.input.size, entry.input.fit)
        assert entry.scores and detector.scores.high == entry.scores.high and detector.scores.still == entry.scores.still


def test_the_default_is_yunet_where_it_is_and_thorough_unites_both(weights: Weights, tmp_path: Path) -> None:
    both = weights("yunet-n", "centerface")
    assert [d.name for d in choose(["face"], both)] == ["yunet-n"]
    assert [d.name for d in choose(["face"], both, thorough=True)] == ["yunet-n", "centerface"]
    only = ModelStore(tmp_path)
    only.add(both.path("centerface"))
    assert [d.name for d in choose(["face"], only)] == ["centerface"]
    assert [d.name for d in choose(["face"], only, thorough=True)] == ["centerface"]


@pytest.mark.parametrize("target", TARGETS)
def test_without_a_file_the_error_names_the_command(target: str, tmp_path: Path) -> None:
    with pytest.raises(Missing) as caught:
        choose([target], ModelStore(tmp_path))
    assert caught.value.code == "models.none"
    assert caught.value.hint.startswith("velatura models pull")


def test_a_swapped_file_is_refused_and_never_silently_another_detector(weights: Weights, tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    store.add(weights("yunet-n").path("yunet-n"))
    content = bytearray(store.path("yunet-n").read_bytes())
    content[-7] ^= 1
    store.path("yunet-n").write_bytes(content)
    with pytest.raises(BadInput, match=r"models\.hash-mismatch"):
        choose(["face"], store)


def test_unknown_targets_and_detectors_are_refused_with_the_valid_names(store: ModelStore) -> None:
    for targets in ([], ["faces"]):
        with pytest.raises(BadSpec) as caught:
            choose(targets, store)
        assert caught.value.code == "detect.target" and "plate" in caught.value.hint
    with pytest.raises(BadSpec, match=r"plugins\.unknown"):
        choose(["face"], store, detectors=["yolo"])


def test_named_detectors_replace_the_defaults_for_their_labels_only(weights: Weights) -> None:
    store = weights("yunet-n", "yunet-s", "fastestdet")
    chosen = choose(["face", "person"], store, detectors=["yunet-s"])
    assert [(d.name, set(d.labels)) for d in chosen] == [("yunet-s", {"face"}), ("fastestdet", {"person"})]


def test_a_named_detector_that_finds_nothing_of_what_is_asked_for_is_refused(weights: Weights) -> None:
    with pytest.raises(BadSpec, match="yunet-n finds face, and what is asked for is person") as caught:
        choose(["person"], weights("yunet-n", "fastestdet"), detectors=["yunet-n"])
    assert caught.value.code == "detect.idle" and "--targets face" in caught.value.hint


def test_a_file_of_one_s_own_is_decoded_like_one_of_ours(weights: Weights, tmp_path: Path) -> None:
    ours = weights("yunet-s")
    store, entry = ModelStore(tmp_path), ours.entry("yunet-s")
    store.folder.mkdir(parents=True)
    words = "".join(f'{key} = "own"\n' for key in ("about", "licence", "training_data"))
    store.user_catalogue.write_text(
        f'[models.mine]\n{words}task = "face"\nfile = "mine.onnx"\nsize = {entry.size}\nsha256 = "{entry.sha256}"\nlabels = ["face"]\n'
        'like = "yunet-s"\ninput = { order = "BGR" }\nscores = { low = 0.3, high = 0.5, sure = 0.8 }\n'
    )
    store.add(ours.path("yunet-s"), "mine")
    (mine,) = choose(["face"], store, detectors=["mine"])
    assert (mine.name, mine.scores.high) == ("mine", 0.5)


@pytest.mark.parametrize(("target", "name"), [("face", "centerface"), ("person", "fastestdet"), ("text", "ppocr-det"), ("plate", "ppocr-det")])
def test_a_file_that_grew_is_refused_as_changed_and_not_said_to_be_absent(target: str, name: str, tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    store.folder.mkdir()
    store.path(name).write_bytes(b"another length")
    with pytest.raises(BadInput, match=r"models\.hash-mismatch") as caught:
        choose([target], store)
    assert str(store.path(name)) in caught.value.sentence
