import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

from spaces.autoencoder import AutoencoderConfig
from studies.data.images import Images, Split
from studies.networks.evaluation import BATCH
from studies.networks.fast import Forward, accelerate_encoder
from studies.networks.plain import build_encoder, scale_pixels
from studies.training import features
from studies.training.features import encoded


@pytest.fixture
def encoder() -> torch.nn.Sequential:
    torch.manual_seed(1)
    return build_encoder(AutoencoderConfig(batchnorm=True, conv1_channels=4, conv2_channels=6))


def test_the_maps_are_the_encoders_own_in_evaluation_mode(
    small_split: Split, encoder: torch.nn.Sequential, tmp_path: Path
) -> None:
    images = small_split.validation
    with torch.no_grad():
        own = encoder.eval()(scale_pixels(images.pixels))
    encoder.train()
    for folder in (None, tmp_path, tmp_path):  # in memory, written, and read again
        made = encoded(encoder, images, folder)
        torch.testing.assert_close(made.pixels, own, rtol=1e-5, atol=1e-5)
        assert torch.equal(made.labels, images.labels)
    in_memory, read = encoded(encoder, images, None), encoded(encoder, images, tmp_path)
    assert torch.equal(in_memory.pixels, read.pixels)
    assert len(list(tmp_path.glob("*.float32"))) == 1


def test_other_weights_or_images_are_another_file(
    small_split: Split, encoder: torch.nn.Sequential, tmp_path: Path
) -> None:
    encoded(encoder, small_split.validation, tmp_path)
    encoded(encoder, small_split.validation.first(50), tmp_path)
    with torch.no_grad():
        encoder[0].bias.add_(1)
    encoded(encoder, small_split.validation, tmp_path)
    assert len(list(tmp_path.glob("*.float32"))) == 3


def test_other_pixels_in_the_same_places_are_other_images(
    small_split: Split, encoder: torch.nn.Sequential, tmp_path: Path
) -> None:
    images = small_split.validation.first(20)
    negated = Images(255 - images.stored, images.labels, images.rows)
    encoded(encoder, images, tmp_path)
    maps = encoded(encoder, negated, tmp_path)
    assert torch.equal(maps.pixels, encoded(encoder, negated, None).pixels)


def test_a_file_that_is_not_as_it_was_written_is_made_again(
    small_split: Split, encoder: torch.nn.Sequential, tmp_path: Path
) -> None:
    images = small_split.validation.first(20)
    maps = encoded(encoder, images, tmp_path).pixels.clone()
    (path,) = tmp_path.glob("*.float32")
    with path.open("r+b") as file:
        file.write(b"\xff")
    assert path.stat().st_size == 4 * maps.numel(), "of the right size"
    assert torch.equal(encoded(encoder, images, tmp_path).pixels, maps)
    (tmp_path / f"{path.stem}.sha256").unlink()  # killed between two files
    assert torch.equal(encoded(encoder, images, tmp_path).pixels, maps)


def test_a_folder_that_cannot_be_written_costs_only_time(
    small_split: Split, encoder: torch.nn.Sequential, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    made = encoded(encoder, small_split.validation, tmp_path / "file")
    assert torch.equal(made.pixels, encoded(encoder, small_split.validation, None).pixels)


def test_old_files_go_and_who_reads_them_keeps_their_contents(
    small_split: Split,
    encoder: torch.nn.Sequential,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(features, "MAX_FILES", 2)
    first = encoded(encoder, small_split.validation.first(10), tmp_path)
    kept = first.pixels.clone()
    for n in (11, 12, 13):
        encoded(encoder, small_split.validation.first(n), tmp_path)
    assert len(list(tmp_path.glob("*.float32"))) == 2
    assert torch.equal(first.pixels, kept)


def test_no_images_have_no_maps(encoder: torch.nn.Sequential, small_split: Split) -> None:
    nothing = Images(small_split.train.stored, torch.empty(0).long(), torch.empty(0).long())
    assert len(encoded(encoder, nothing, None)) == 0


@pytest.mark.parametrize("in_memory", [True, False])
def test_one_batchs_maps_are_held_at_a_time(
    small_split: Split,
    encoder: torch.nn.Sequential,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_memory: bool,
) -> None:
    made: list[weakref.ref[torch.UntypedStorage]] = []
    n_held = []

    def counting(*arguments: Any) -> Forward:
        encode = accelerate_encoder(*arguments)

        def counted(images: torch.Tensor) -> torch.Tensor:
            n_held.append(sum(reference() is not None for reference in made))
            maps = encode(images)
            made.append(weakref.ref(maps.untyped_storage()))
            return maps

        return counted

    monkeypatch.setattr(features, "accelerate_encoder", counting)
    images = Images(small_split.train.stored, torch.zeros(2_500).long(), torch.zeros(2_500).long())
    encoded(encoder, images, None if in_memory else tmp_path)
    assert len(made) >= 2_500 / BATCH
    assert max(n_held) <= 1
