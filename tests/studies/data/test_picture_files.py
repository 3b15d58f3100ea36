from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from spaces.errors import ImageError
from studies.data.images import Split
from studies.data.picture_files import ENLARGED, Picture, read_picture, write_side_by_side


@pytest.fixture(scope="module")
def original(small_split: Split) -> np.ndarray:
    """A real image, uint8 (28, 28)."""
    pixels: np.ndarray = small_split.train.pixels[0].numpy()
    return pixels


def saved(image: Image.Image, path: Path) -> Picture:
    image.save(path)
    return read_picture(path)


def test_an_image_of_the_data_set_is_taken_as_it_is(original: np.ndarray, tmp_path: Path) -> None:
    picture = saved(Image.fromarray(original), tmp_path / "a.png")
    assert picture.steps == ()
    assert torch.equal(picture.pixels, torch.from_numpy(original))


def test_no_image_of_the_data_set_is_negated_and_every_negative_is(
    small_split: Split, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    for pixels in small_split.validation.pixels.numpy():
        assert saved(Image.fromarray(pixels), path).steps == ()
        negative = saved(Image.fromarray(255 - pixels), path)
        assert negative.steps == ("negated, to light clothing on black",)
        assert np.array_equal(negative.pixels.numpy(), pixels)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"]
)
def test_every_mode_is_read(original: np.ndarray, tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(original)
    if mode == "I;16":
        image = Image.fromarray(original.astype(np.uint16) * 257)
    elif mode == "F":
        image = Image.fromarray(original.astype(np.float32) / 255)
    else:
        image = image.convert(mode)
    picture = saved(image, tmp_path / "a.tiff")
    assert (picture.pixels.dtype, picture.pixels.shape) == (torch.uint8, (28, 28))
    assert "negated" not in " ".join(picture.steps)
    near = np.abs(picture.pixels.numpy().astype(int) - original).mean()
    assert near < (70 if mode == "1" else 3)


@pytest.mark.parametrize("size", [(560, 840), (300, 100), (29, 27), (14, 14), (1, 1), (1, 500)])
def test_every_size_becomes_28_by_28(tmp_path: Path, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(100, 255, size=size[::-1], dtype=np.uint8)
    picture = saved(Image.fromarray(noise), tmp_path / "a.png")
    assert picture.pixels.shape == (28, 28)
    assert any("reduced" in step or "enlarged" in step for step in picture.steps)


def test_a_photograph_on_white_is_trimmed_centred_and_negated(
    original: np.ndarray, tmp_path: Path
) -> None:
    rows, columns = np.flatnonzero(original.any(1)), np.flatnonzero(original.any(0))
    article = original[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    large = np.kron(255 - article, np.ones((10, 10), dtype=np.uint8))
    photograph = Image.new("RGB", (700, 900), "white")
    photograph.paste(Image.fromarray(large), (37, 411))
    picture = saved(photograph, tmp_path / "photograph.png")
    assert picture.steps[:2] == ("made grey", "negated, to light clothing on black")
    assert "trimmed from 700×900" in picture.steps[2]
    lit = picture.pixels.numpy() > 12
    assert max(np.ptp(np.flatnonzero(lit.any(axis))) for axis in (0, 1)) >= 26, (
        "it fills the square"
    )


def test_the_ground_of_a_transparent_picture_is_black(original: np.ndarray, tmp_path: Path) -> None:
    layers = np.stack([255 - original] * 3 + [(original > 0) * np.uint8(255)], axis=2)
    picture = saved(Image.fromarray(layers), tmp_path / "a.png")
    assert picture.steps[0] == "transparent parts made white"
    assert np.abs(picture.pixels.numpy().astype(int) - original).max() <= 1


@pytest.mark.parametrize("negate", [True, False])
def test_who_knows_better_than_the_corners_says_so(
    original: np.ndarray, tmp_path: Path, negate: bool
) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(original).save(path)
    picture = read_picture(path, negate=negate)
    wanted = 255 - original if negate else original
    assert np.array_equal(picture.pixels.numpy(), wanted)


def test_a_camera_held_upright_is_followed(tmp_path: Path) -> None:
    wide = Image.new("L", (40, 20), 200)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    wide.save(tmp_path / "a.jpg", exif=exif)
    steps = read_picture(tmp_path / "a.jpg", negate=False).steps
    assert "reduced to 14×28" in steps


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a picture"),
        (b"not a picture", "not a picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 30, "picture"),
        (None, "No such file"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=message) as raised:
        read_picture(path)
    assert str(path) in str(raised.value)


def test_a_cut_off_picture_is_refused(original: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(original).save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ImageError, match=r"a damaged picture|truncated"):
        read_picture(path)


def test_a_picture_too_large_for_memory_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (20_000, 10_000)).save(path)
    with pytest.raises(ImageError, match=r"bomb\.png: .*make it smaller"):
        read_picture(path)


def test_images_are_written_side_by_side_enlarged_under_their_names(
    original: np.ndarray, tmp_path: Path
) -> None:
    path, pixels = tmp_path / "new" / "a.png", torch.from_numpy(original)
    write_side_by_side(path, {"seen": pixels, "reconstructed": 255 - pixels})
    with Image.open(path) as image:
        whole = np.asarray(image)
    side = 28 * ENLARGED
    for left, wanted in ((12, original), (24 + side, 255 - original)):
        shown = whole[12 : 12 + side, left : left + side]
        assert np.array_equal(shown, np.kron(wanted, np.ones((ENLARGED, ENLARGED))))
        assert (whole[12 + side :, left : left + side] < 128).any(), "its name"
    with pytest.raises(ImageError, match="cannot write"):
        write_side_by_side(path / "b.png", {"seen": pixels})
