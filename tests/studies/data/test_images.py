import hashlib
import shutil
from pathlib import Path

import pytest
import torch
from helpers.tiny_data import TinyData
from hypothesis import given
from hypothesis import strategies as st

from spaces.budget import Budget
from spaces.errors import DataError
from studies.data.images import (
    CLASS_NAMES,
    Images,
    Split,
    class_counts,
    first_of_each_class,
    load_split,
    load_test,
    load_train,
    split_by_class,
    take_evenly,
)


def assert_same(images: Images, others: Images) -> None:
    assert torch.equal(images.pixels, others.pixels)
    assert torch.equal(images.labels, others.labels)


def test_the_search_protocol_has_5000_and_1000_images_of_each_class(data_dir: Path) -> None:
    train, validation = load_split(data_dir, Budget())
    assert class_counts(train) == (5000,) * 10
    assert class_counts(validation) == (1000,) * 10
    assert train.pixels.shape == (50_000, 28, 28)
    assert train.pixels.dtype == torch.uint8
    assert train.labels.dtype == torch.int64


def test_the_split_of_the_training_images_is_the_published_one(data_dir: Path) -> None:
    # Another split would make every study made so far incomparable.
    _, for_validation = split_by_class(load_train(data_dir).labels)
    indices = torch.cat(for_validation).sort().values
    assert indices[:10].tolist() == [25, 35, 40, 52, 56, 75, 97, 104, 109, 110]
    assert hashlib.sha256(indices.numpy().astype("<i8").tobytes()).hexdigest() == (
        "0bdfae2e00d8013ad5fe2e090b986891777f004897b47f3ada854df996784747"
    )


def test_loading_the_search_protocol_needs_no_test_files(data_dir: Path, tmp_path: Path) -> None:
    for path in data_dir.glob("train-*"):
        shutil.copy(path, tmp_path)
    with_test_files = load_split(data_dir, Budget(subset=6000))
    without = load_split(tmp_path, Budget(subset=6000))
    assert_same(without.train, with_test_files.train)
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte is missing"):
        load_split(tmp_path, Budget(protocol="paper"))


def test_the_paper_protocol_trains_on_all_and_validates_on_the_test_images(data_dir: Path) -> None:
    train, validation = load_split(data_dir, Budget(protocol="paper"))
    assert_same(train, load_train(data_dir))
    assert_same(validation, load_test(data_dir))
    assert class_counts(train) == (6000,) * 10
    assert class_counts(validation) == (1000,) * 10


def test_search_images_are_those_of_the_training_file_in_its_order(data_dir: Path) -> None:
    everything = load_train(data_dir)
    for_train, for_validation = split_by_class(everything.labels)
    split = load_split(data_dir, Budget())
    for images, pools in zip(split, (for_train, for_validation), strict=True):
        indices = torch.cat(pools).sort().values
        assert_same(images, Images(everything.pixels[indices], everything.labels[indices]))


@pytest.mark.parametrize(
    ("protocol", "subset", "n_train", "n_validation"),
    [("search", 600, 500, 100), ("search", 1234, 1029, 205), ("paper", 700, 600, 100)],
)
def test_a_subset_keeps_the_proportions(
    data_dir: Path, protocol: str, subset: int, n_train: int, n_validation: int
) -> None:
    split = load_split(data_dir, Budget(subset=subset, protocol=protocol))  # type: ignore[arg-type]
    for images, n_images in zip(split, (n_train, n_validation), strict=True):
        counts = class_counts(images)
        assert sum(counts) == n_images
        assert max(counts) - min(counts) <= 1


def test_a_subset_of_all_60000_is_the_whole_split(data_dir: Path) -> None:
    whole, subset = load_split(data_dir, Budget()), load_split(data_dir, Budget(subset=60_000))
    assert_same(whole.train, subset.train)
    assert_same(whole.validation, subset.validation)


def test_loading_twice_gives_the_same_whatever_torch_has_drawn(
    data_dir: Path, small_split: Split
) -> None:
    torch.rand(7)
    again = load_split(data_dir, Budget(subset=600))
    assert_same(again.train, small_split.train)
    assert_same(again.validation, small_split.validation)


def test_writing_to_loaded_images_leaves_the_file_alone(tiny_data: TinyData) -> None:
    before = (tiny_data.folder / tiny_data.files[0].name).read_bytes()
    train = load_train(tiny_data.folder)
    train.pixels.zero_()
    assert (tiny_data.folder / tiny_data.files[0].name).read_bytes() == before


def test_pixels_are_read_row_by_row_after_the_header(tiny_data: TinyData) -> None:
    content = (tiny_data.folder / tiny_data.files[2].name).read_bytes()
    pixels = load_test(tiny_data.folder).pixels
    assert pixels[1, 2, 3] == content[16 + 28 * 28 + 2 * 28 + 3]


def test_a_damaged_file_is_refused_when_loaded(tiny_data: TinyData) -> None:
    path = tiny_data.folder / tiny_data.files[1].name
    path.write_bytes(path.read_bytes()[:-1] + b"\x05")
    with pytest.raises(DataError, match="train-labels-idx1-ubyte is damaged"):
        load_split(tiny_data.folder, Budget())


# Each image is of one grey, which is its label too.
STORED = torch.arange(7, dtype=torch.uint8).view(7, 1, 1).repeat(1, 28, 28)
WHOLE = Images(STORED, torch.arange(7))
CHOSEN = torch.tensor([5, 2, 6, 0, 3])
PART = Images(STORED, CHOSEN, CHOSEN)
whole_and_part = pytest.mark.parametrize("images", [WHOLE, PART], ids=["whole", "part"])


def greys(pixels: torch.Tensor) -> list[int]:
    assert pixels.shape[1:] == (28, 28)
    return pixels[:, 0, 0].tolist()


@whole_and_part
@pytest.mark.parametrize("size", [1, 3, 7, 100])
@pytest.mark.parametrize("turned", [False, True])
def test_batches_are_all_images_once_with_their_labels_in_the_order_asked_for(
    images: Images, size: int, turned: bool
) -> None:
    order = torch.arange(len(images)).flip(0) if turned else None
    batches = list(images.batches(size, order))
    labels = images.labels.flip(0) if turned else images.labels
    assert [label for batch in batches for label in batch.labels.tolist()] == labels.tolist()
    assert all(greys(batch.pixels) == batch.labels.tolist() for batch in batches)
    assert all(len(batch.labels) == size for batch in batches[:-1])
    assert 0 < len(batches[-1].labels) <= size


@whole_and_part
def test_the_first_images_are_those_a_file_or_a_part_of_it_begins_with(images: Images) -> None:
    for n in range(len(images) + 1):
        first = images.first(n)
        assert len(first) == n
        assert greys(first.pixels) == first.labels.tolist() == images.labels[:n].tolist()


@whole_and_part
def test_the_first_image_that_is_asked_for_is_found(images: Images) -> None:
    chosen = torch.zeros(len(images), dtype=torch.bool)
    for row in reversed(range(len(images))):
        chosen[row] = True
        found = images.first_where(chosen)
        assert found.shape == (28, 28)
        assert int(found[0, 0]) == int(images.labels[row])


def test_two_swapped_files_are_told_from_damaged_ones(tiny_data: TinyData) -> None:
    train, test = (tiny_data.folder / tiny_data.files[index].name for index in (1, 3))
    train.write_bytes(test.read_bytes())
    with pytest.raises(DataError, match="contains t10k-labels-idx1-ubyte: two files were swapped"):
        load_train(tiny_data.folder)


def test_torchvision_names_the_classes_alike() -> None:
    from studies.data.torchvision_import import import_torchvision

    assert list(CLASS_NAMES) == import_torchvision().datasets.FashionMNIST.classes


label_lists = st.lists(st.integers(0, 9), max_size=300).map(
    lambda labels: torch.tensor(labels, dtype=torch.int64)
)


@given(label_lists)
def test_splitting_puts_each_image_on_one_side_and_a_sixth_of_each_class_aside(
    labels: torch.Tensor,
) -> None:
    for_train, for_validation = split_by_class(labels)
    together = torch.cat([*for_train, *for_validation]).sort().values
    assert torch.equal(together, torch.arange(len(labels)))
    for label, (train, validation) in enumerate(zip(for_train, for_validation, strict=True)):
        assert (labels[torch.cat([train, validation])] == label).all()
        assert len(validation) == int((labels == label).sum()) // 6


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_a_smaller_selection_is_part_of_a_larger_one(n: int, m: int) -> None:
    pools = [torch.arange(label * 100, label * 100 + 100) for label in range(10)]
    small, large = take_evenly(pools, min(n, m)), take_evenly(pools, max(n, m))
    assert sum(map(len, small)) == min(n, m)
    for part, whole in zip(small, large, strict=True):
        assert torch.equal(part, whole[: len(part)])


def test_the_first_image_of_each_class_is_the_first_of_those_that_were_chosen() -> None:
    labels = torch.tensor([5, 5, *range(9, -1, -1), 3])
    stored = torch.arange(40, dtype=torch.uint8).view(40, 1, 1).expand(40, 28, 28)
    firsts = [labels.tolist().index(label) for label in range(10)]
    assert first_of_each_class(Images(stored[:13], labels))[:, 0, 0].tolist() == firsts
    rows = torch.arange(13) * 3
    chosen = first_of_each_class(Images(stored, labels, rows))
    assert chosen[:, 0, 0].tolist() == [3 * first for first in firsts]
