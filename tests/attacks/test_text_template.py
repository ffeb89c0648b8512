"""Reading plates: weak filters are broken, what says nothing is held, and photographs are read better than a blind guess reads them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter

from velatura.attacks.attack import Outcomes, Photo, Picture
from velatura.attacks.intervals import estimate
from velatura.attacks.lettering import ALPHABET, Lettering, rendered_plates
from velatura.attacks.text_template import ReadText
from velatura.audit.obfuscation import plain_arm, protected_arm
from velatura.audit.trial import trial
from velatura.errors import BadInput
from velatura.findings import Claim, Finding, Verdict, judge

PLATES = rendered_plates(20, np.random.default_rng(5))
SMALL = rendered_plates(2, np.random.default_rng(4), height=24, width=60, length=3)
REAL = ReadText(photographed=True)


def itself(photo: Photo, rng: np.random.Generator, /) -> Picture:
    return photo.picture


def blank(photo: Photo, rng: np.random.Generator, /) -> Picture:
    return np.full_like(photo.picture, 128)


def tried(protected: Any, secrets: list[Photo] = PLATES, *, attack: ReadText | None = None, seed: int = 0) -> Finding:
    return trial(
        attack or ReadText(), "test", plain=plain_arm(), protected=protected, claim=Claim(), secrets=secrets, seed=seed, budget_s=60, findings=1
    ).finding


def played(arm: Any, secrets: list[Photo] = PLATES, *, attack: ReadText | None = None, seed: int = 0, budget_s: float = 60) -> Outcomes:
    return (attack or ReadText()).play(arm, secrets, np.random.default_rng(seed), budget_s=budget_s)


@pytest.mark.parametrize("method", ["pixelate:8", "pixelate:9px", "pixelate:3", "blur:8"])
def test_mosaic_and_blur_are_broken(method: str) -> None:
    finding = tried(protected_arm(method), PLATES[:8])
    assert finding.verdict is Verdict.BROKEN, finding.why
    assert finding.estimate is not None and finding.estimate.value >= 0.9


def test_clear_plates_are_read_whole() -> None:
    outcomes = played(itself)
    assert outcomes.success[0].min() == 1.0
    assert outcomes.notes["whole plates read"] == "20 of 20"


@pytest.mark.parametrize("arm", [blank, protected_arm("fill"), protected_arm("seal"), protected_arm("dp-pixelate:cells=8,m=roi,epsilon=10")])
def test_what_says_nothing_of_a_text_is_held(arm: Any) -> None:
    finding = tried(arm)
    assert finding.verdict is Verdict.HELD, finding.why
    assert finding.evidence["guessed blindly"] == "20 of 20 plates: nothing of what is written comes through"


def test_shuffled_texts_break_nothing_and_hold_nothing() -> None:
    texts = np.random.default_rng(1).permutation([plate.text for plate in PLATES])
    shuffled = [replace(plate, text=str(text)) for plate, text in zip(PLATES, texts, strict=True)]
    finding = tried(protected_arm("pixelate:8"), shuffled)
    assert finding.verdict is Verdict.INCONCLUSIVE, finding.why


def test_noise_without_text_breaks_nothing() -> None:
    def noise(photo: Photo, rng: np.random.Generator, /) -> Picture:
        return rng.integers(0, 256, photo.picture.shape, dtype=np.uint8)

    assert tried(noise, PLATES[:8]).verdict in (Verdict.HELD, Verdict.INCONCLUSIVE)


def test_a_filter_that_is_not_linear_is_read_too() -> None:
    """The last step renders whole texts: a blur that is then cut to black and white."""

    def stencil(photo: Photo, rng: np.random.Generator, /) -> Picture:
        return np.where(gaussian_filter(photo.picture.astype(float), 3) < 150, 0, 255).astype(np.uint8)

    assert played(stencil, PLATES[:6]).success[0].mean() >= 0.9


def test_a_noisy_filter_is_read_through_averages() -> None:
    def noisy(photo: Photo, rng: np.random.Generator, /) -> Picture:
        cells = uniform_filter(photo.picture.astype(float), 6)[3::6, 3::6] + rng.normal(0, 5, (8, 40))
        return np.clip(np.rint(cells), 0, 255).astype(np.uint8).repeat(6, 0).repeat(6, 1)

    assert played(noisy, PLATES[:6]).success[0].mean() >= 0.8


def test_plates_in_colour_and_of_several_sizes_are_read() -> None:
    small = rendered_plates(3, np.random.default_rng(2), height=32, width=160, length=5)
    coloured = [replace(plate, picture=plate.picture[:, :, None].repeat(3, 2)) for plate in PLATES[:3]]
    assert played(protected_arm("pixelate:8"), small + coloured).success[0].min() == 1.0


def test_texts_of_several_lengths_are_told_apart() -> None:
    mixed = [plate for length in (4, 6) for plate in rendered_plates(3, np.random.default_rng(length), length=length)]
    assert played(protected_arm("pixelate:6"), mixed).success[0].min() == 1.0


def test_without_time_every_plate_is_a_guess_and_that_is_said() -> None:
    outcomes = played(itself, budget_s=0)
    assert outcomes.cut
    assert outcomes.notes["guessed blindly"] == "20 of 20 plates: the time was up"
    assert np.array_equal(outcomes.success[0], outcomes.success[1])


def test_the_same_seed_reads_the_same() -> None:
    arm = protected_arm("dp-pixelate:cells=8,m=16,epsilon=20")
    one, other = (played(arm, SMALL[:1], seed=3) for _ in range(2))
    assert np.array_equal(one.success, other.success)


def test_examples_name_what_was_read_and_what_it_is() -> None:
    outcomes = played(protected_arm("pixelate:8"))
    assert len(outcomes.shown) == 6
    first = outcomes.shown[0]
    assert first.caption == f'read "{PLATES[0].text}", is "{PLATES[0].text}"'
    assert first.recovered.shape == first.seen.shape
    assert first.secret is PLATES[0].picture


def test_chance_of_rendered_plates_is_one_letter_of_the_alphabet() -> None:
    assert played(blank).chance == 1 / len(ALPHABET)
    many = rendered_plates(300, np.random.default_rng(0))
    assert abs(played(blank, many).success[1].mean() - 1 / len(ALPHABET)) < 0.012  # three standard errors of 2,100 letters


@pytest.mark.parametrize("secrets", [[], [Photo(PLATES[0].picture)], [PLATES[0], replace(PLATES[1], text=" - ")]])
def test_plates_without_texts_are_refused(secrets: list[Photo]) -> None:
    with pytest.raises(BadInput, match=r"attack\.no-text"):
        played(itself, secrets)


def test_an_alphabet_of_one_letter_is_refused() -> None:
    with pytest.raises(BadInput, match=r"attack\.alphabet"):
        played(itself, attack=ReadText(alphabet="A"))


def photographs(count: int, rng: np.random.Generator) -> list[Photo]:
    """Plates of one country as a street shows them: two letters, a gap, five digits; another size, light and place each time."""
    made = []
    for number in range(count):
        text = "".join(rng.choice(list("ABKR"), 2)) + "".join(rng.choice(list("0123456789"), 5))
        height = int(rng.integers(40, 60))
        lettering = Lettering(
            height, 0.85, 1.05, float(rng.uniform(0.45, 0.55)), weight=1.0, ink=int(rng.integers(0, 60)), paper=int(rng.integers(150, 255))
        )
        first, last = text[:2], text[2:]
        width = round(height * 4.4)
        start = int(rng.integers(4, 12))
        picture = np.minimum(lettering.drawn(first, start, width), lettering.drawn(last, start + lettering.advance(first) + height // 3, width))
        made.append(Photo(picture, number, text))
    return made


STREET = photographs(28, np.random.default_rng(8))


def test_photographs_of_plates_are_read_through_a_mosaic_by_a_parrot() -> None:
    finding = tried(protected_arm("pixelate:8"), STREET, attack=REAL)
    assert finding.verdict is Verdict.BROKEN, finding.why
    assert finding.estimate is not None and finding.estimate.value >= 0.7


def test_photographs_that_say_nothing_give_what_a_blind_guess_gives() -> None:
    outcomes = played(protected_arm("fill"), STREET, attack=REAL)
    assert outcomes.attackers == ("parrot", "guess")
    assert np.array_equal(outcomes.success[0], outcomes.success[1])
    assert outcomes.chance == outcomes.success[1].mean()
    assert estimate(outcomes).low <= outcomes.chance


def test_photographs_with_shuffled_texts_are_not_read() -> None:
    texts = np.random.default_rng(1).permutation([plate.text for plate in STREET])
    shuffled = [replace(plate, text=str(text)) for plate, text in zip(STREET, texts, strict=True)]
    outcomes = played(itself, shuffled, attack=REAL)
    assert judge(estimate(outcomes), estimate(outcomes), Claim()) is Verdict.INCONCLUSIVE


def test_a_parrot_without_time_guesses() -> None:
    outcomes = played(itself, STREET[:12], attack=REAL, budget_s=0)
    assert outcomes.cut and np.array_equal(outcomes.success[0], outcomes.success[1])


def test_one_photograph_alone_can_be_attacked() -> None:
    outcomes = played(itself, STREET[:1], attack=REAL)
    assert outcomes.success.shape == (2, 1)


def test_what_the_attacker_knows_depends_on_what_he_reads() -> None:
    assert "knows the font" in ReadText().knowledge
    assert "knows neither font" in REAL.knowledge


def test_real_european_plates_are_read_above_the_blind_guess(shared: Path) -> None:
    from benchmarks.text import photographed

    plates = photographed(shared / "data" / "plates_openalpr", ("eu",))
    outcomes = played(protected_arm("pixelate:8"), plates, attack=REAL)
    assert judge(estimate(outcomes), estimate(outcomes), Claim()) is Verdict.BROKEN


def test_a_plate_of_a_few_pixels_does_not_silence_the_reader_of_photographs() -> None:
    plates = rendered_plates(12, np.random.default_rng(3), length=4, width=150)
    tiny = Photo(np.full((6, 8), 9, np.uint8), 12, "AB")
    outcomes = REAL.play(lambda photo, rng: photo.picture, [tiny, *plates], np.random.default_rng(1), budget_s=60)
    own, blind = outcomes.success[:, 1:].mean(1)
    assert own > 2 * blind
