import gzip
from pathlib import Path

import pytest
from helpers.tiny_data import TinyData

from spaces.errors import DataError
from studies.data.idx_files import FILES, SUBFOLDERS, locate, verified_chunks, verify


def test_the_real_files_are_what_the_table_says(data_dir: Path) -> None:
    for file in FILES:
        verify(data_dir / file.name, file)
        assert (data_dir / file.name).stat().st_size == file.n_bytes


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("subfolder", SUBFOLDERS)
def test_a_file_is_found_in_each_layout(
    tiny_data: TinyData, tmp_path: Path, subfolder: str, suffix: str
) -> None:
    path = tmp_path / "other" / subfolder / (tiny_data.files[0].name + suffix)
    path.parent.mkdir(parents=True)
    path.touch()
    assert locate(tmp_path / "other", tiny_data.files[0]) == path


def test_an_uncompressed_file_is_preferred_to_a_compressed_one(tiny_data: TinyData) -> None:
    file = tiny_data.files[0]
    (tiny_data.folder / (file.name + ".gz")).touch()
    assert locate(tiny_data.folder, file) == tiny_data.folder / file.name


def test_an_absent_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no train-images-idx3-ubyte, with or without \.gz"):
        locate(tmp_path, FILES[0])


@pytest.mark.parametrize("index", range(4))
def test_a_compressed_file_yields_its_uncompressed_bytes(tiny_data: TinyData, index: int) -> None:
    file = tiny_data.files[index]
    content = (tiny_data.folder / file.name).read_bytes()
    compressed = tiny_data.folder / (file.name + ".gz")
    compressed.write_bytes(gzip.compress(content))
    assert b"".join(verified_chunks(compressed, file)) == content


def test_a_truncated_file_is_refused_with_both_sizes(tiny_data: TinyData) -> None:
    file = tiny_data.files[0]
    path = tiny_data.folder / file.name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"has 94,095 bytes of data; 94,096 are expected"):
        verify(path, file)


def test_a_flipped_bit_is_refused(tiny_data: TinyData) -> None:
    file = tiny_data.files[2]
    path = tiny_data.folder / file.name
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="is damaged: its SHA-256 is"):
        verify(path, file)


def test_a_swapped_file_is_named_by_what_it_holds(tiny_data: TinyData) -> None:
    train, test = tiny_data.files[0], tiny_data.files[2]
    path = tiny_data.folder / test.name
    with pytest.raises(DataError, match="contains t10k-images-idx3-ubyte: two files were swapped"):
        verify(path, train)


@pytest.mark.parametrize("keep", [0, 5, 11, 5000, -1])
def test_a_truncated_compressed_file_is_refused(tiny_data: TinyData, keep: int) -> None:
    file = tiny_data.files[0]
    path = tiny_data.folder / (file.name + ".gz")
    path.write_bytes(gzip.compress((tiny_data.folder / file.name).read_bytes())[:keep])
    with pytest.raises(DataError, match=r"is cut short|has 0 bytes of data"):
        verify(path, file)


@pytest.mark.parametrize("position", [0, 12, 5000, -6])
def test_an_altered_byte_in_a_compressed_file_is_refused(
    tiny_data: TinyData, position: int
) -> None:
    file = tiny_data.files[0]
    content = bytearray(gzip.compress((tiny_data.folder / file.name).read_bytes()))
    content[position] ^= 0x10
    path = tiny_data.folder / (file.name + ".gz")
    path.write_bytes(content)
    with pytest.raises(DataError, match=str(path)):
        verify(path, file)


def test_a_missing_file_and_a_folder_in_its_place_are_data_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is missing"):
        verify(tmp_path / "absent", FILES[0])
    with pytest.raises(DataError, match="cannot be read"):
        verify(tmp_path, FILES[0])
