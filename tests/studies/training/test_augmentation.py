import pytest
import torch

from spaces.autoencoder import AutoencoderConfig
from studies.training.augmentation import HOLE_SIDES, augment

PIXELS = torch.randint(
    1, 256, (200, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_without_augmentation_images_stay_and_nothing_is_drawn() -> None:
    generator = seeded()
    seen, whole = augment(PIXELS, AutoencoderConfig(), generator)
    assert seen is whole is PIXELS
    assert torch.equal(generator.get_state(), seeded().get_state())


@pytest.mark.parametrize("reach", [1, 2])
def test_a_shift_moves_each_image_by_its_own_steps_and_black_comes_in(reach: int) -> None:
    seen, whole = augment(PIXELS, AutoencoderConfig(shift=reach), seeded())
    assert seen is whole
    moves = set()
    for image, moved in zip(PIXELS, seen, strict=True):
        padded = torch.nn.functional.pad(image, (reach,) * 4)
        matching = [
            (down, right)
            for down in range(2 * reach + 1)
            for right in range(2 * reach + 1)
            if torch.equal(padded[down : down + 28, right : right + 28], moved)
        ]
        assert len(matching) == 1
        moves.add(matching[0])
    assert len(moves) == (2 * reach + 1) ** 2, "every move comes up"


def test_a_flip_mirrors_half_of_the_images() -> None:
    seen, _ = augment(PIXELS, AutoencoderConfig(flip=True), seeded())
    mirrored = [torch.equal(a.flip(1), b) for a, b in zip(PIXELS, seen, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(PIXELS, seen, strict=True)]
    assert all(a != b for a, b in zip(mirrored, kept, strict=True))
    assert 70 < sum(mirrored) < 130


def test_erasing_blackens_one_rectangle_and_leaves_the_target_whole() -> None:
    seen, whole = augment(PIXELS, AutoencoderConfig(erasing=0.5), seeded())
    assert torch.equal(whole, PIXELS)
    holes = seen != whole
    assert 70 < int(holes.flatten(1).any(1).sum()) < 130
    for hole in holes[holes.flatten(1).any(1)]:
        down, across = hole.any(1).sum().item(), hole.any(0).sum().item()
        assert hole.sum() == down * across, "a rectangle"
        assert HOLE_SIDES[0] <= min(down, across) <= max(down, across) <= HOLE_SIDES[1]


def test_the_generator_alone_decides() -> None:
    config = AutoencoderConfig(shift=2, flip=True, erasing=0.3)
    first, again, other = (augment(PIXELS, config, seeded(s)).seen for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
