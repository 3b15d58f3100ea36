"""Whatever bytes a file holds, its reader reads it or says in one of our errors what is wrong.

No reader waits for a pipe, and none reads a device without end.
"""

import gzip
import io
import json
import os
import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from spaces.autoencoder import AutoencoderConfig
from spaces.config_files import read_config, read_table
from spaces.errors import ConfigurationError, DataError, FmnistSearchError, ImageError, StudyError
from spaces.space_file import read_space
from spaces.stages import AUTOENCODER, STAGES
from studies.data.idx_files import FILES, verify
from studies.data.picture_files import read_picture
from studies.files.tensor_files import to_bytes
from studies.final import results
from studies.networks import exported
from studies.networks.plain import build

FUZZ = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**18, -(10**30), 10**400, 10**4000])
    | st.floats()
    | st.text(max_size=8)
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
)
FIELDS = sorted({f for s in STAGES.values() for f in s.spaces["paper"].config_type.__annotations__})


def read(path: Path) -> None:
    """As every kind of configuration's file."""
    for reader in (read_config, read_table, lambda p: read_space(p, AUTOENCODER)):
        with suppress(ConfigurationError):
            reader(path)


@FUZZ
@given(content=st.binary(max_size=200))
@pytest.mark.parametrize("name", ["a.json", "a.toml"])
def test_any_bytes_as_a_configuration(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    read(tmp_path / name)


@FUZZ
@given(
    table=st.dictionaries(st.sampled_from(["stage", "configuration", "training", "x"]), JSON),
    stage=st.sampled_from([*STAGES, "other"]),
    fields=st.dictionaries(st.sampled_from([*FIELDS, "learning_rate", "batch_size"]), JSON),
    training=st.dictionaries(st.sampled_from(["seed", "epochs", "subset", "protocol"]), JSON),
)
def test_any_values_as_a_configuration(
    tmp_path: Path, table: dict[str, Any], stage: str, fields: dict[str, Any], training: Any
) -> None:
    path = tmp_path / "a.json"
    said = {"stage": stage, "configuration": fields, "training": training}
    for each in (table, said, {**said, **table}, fields):
        path.write_text(json.dumps(each))
        with suppress(ConfigurationError):
            file = read_config(path)
            file.config.in_words()
            assert file.config.n_parameters() <= 100_000_000


@pytest.mark.parametrize(
    "text",
    [
        "a" + ".a" * 400_000 + " = 1",
        "[" + "a." * 400_000 + "a]",
        "a = " + "[" * 300_000,
        "a = {" + "a={" * 100_000,
        'a."a b" = 1\n' * 3,
        "dropout = " + "9" * 5000,
        "dropout = 1e" + "9" * 5000,
    ],
    ids=["dotted", "header", "lists", "tables", "quoted", "digits", "exponent"],
)
def test_deep_and_long_toml_is_refused_soon(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ConfigurationError):
        read_space(tmp_path / "a.toml", AUTOENCODER)


def test_deep_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a":' * 150_000)
    with pytest.raises(ConfigurationError, match=r"depth|deep"):
        read_config(tmp_path / "a.json")


@pytest.mark.parametrize(
    "wide",
    [
        {"conv1_channels": 10**18},
        {"conv1_channels": 4096, "conv2_channels": 4096},
        {"learning_rate": 10**400},
        {"batch_size": 10**18},
    ],
    ids=str,
)
def test_a_model_too_large_for_any_memory_is_refused(wide: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        AutoencoderConfig(**wide)


READERS = {
    "a.json": lambda path: read_config(path),
    "a.toml": lambda path: read_space(path, AUTOENCODER),
    "a.png": lambda path: read_picture(path),
    FILES[1].name: lambda path: verify(path, FILES[1]),
    f"{FILES[1].name}.gz": lambda path: verify(path, FILES[1]),
}


@pytest.mark.parametrize("name", READERS)
def test_no_reader_waits_for_a_pipe(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(FmnistSearchError, match="no regular file"):
        READERS[name](tmp_path / name)


ENDLESS = """
import resource, sys
import search.app
from studies.networks import exported
from studies.data import picture_files
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, used + 2**28))
sys.argv = ["fmnist-search", *sys.argv[1:]]
search.app.main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["--config", "zero.toml", "studies"],
        ["ae", "--enqueue", "zero.json", "--dry-run"],
        ["ae", "--space-file", "zero.toml", "--dry-run"],
        ["predict", "folder", "zero.png"],
    ],
    ids=lambda words: words[0],
)
def test_a_device_without_end_is_not_read(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("zero.toml", "zero.json", "zero.png", "folder/metrics.json"):
        (tmp_path / name).symlink_to("/dev/zero")
    done = subprocess.run(
        [sys.executable, "-c", ENDLESS, *words],
        cwd=tmp_path,
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode in (1, 2), done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_a_small_file_that_unpacks_to_a_huge_one_is_left_early(tmp_path: Path) -> None:
    bomb = tmp_path / f"{FILES[1].name}.gz"
    bomb.write_bytes(gzip.compress(bytes(2**28), 1) * 8)
    assert bomb.stat().st_size < 20_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="more than the 60,008 bytes"):
        verify(bomb, FILES[1])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**16


def pictures() -> list[bytes]:
    """A small one in each common format."""
    found = []
    rows = np.arange(900, dtype=np.uint8).reshape(30, 30)
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "ICO"):
        file = io.BytesIO()
        Image.fromarray(rows).save(file, kind)
        found.append(file.getvalue())
    return found


@FUZZ
@given(
    whole=st.sampled_from(pictures()),
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=12),
    end=st.integers(0, 2000),
)
def test_any_bytes_as_a_picture(
    tmp_path: Path, whole: bytes, changes: list[tuple[int, int]], end: int
) -> None:
    content = bytearray(whole)
    for place, value in changes:
        content[place % len(content)] = value
    for each in (content, content[: end % len(content)]):
        (tmp_path / "a.png").write_bytes(each)
        with suppress(ImageError):
            read_picture(tmp_path / "a.png")


def test_a_picture_that_would_need_a_program_to_be_run_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\n")
    with pytest.raises(ImageError, match="not a picture in a format"):
        read_picture(tmp_path / "a.eps")


@FUZZ
@given(content=st.binary(max_size=100))
@example(content=b"\x1f\x8b\x08\x00")
def test_any_bytes_as_images(tmp_path: Path, content: bytes) -> None:
    for name in (FILES[1].name, f"{FILES[1].name}.gz"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError):
            verify(tmp_path / name, FILES[1])


def write_export(folder: Path, config: Any, weights: bytes, metrics: dict[str, Any]) -> None:
    """A folder whose checksums are right, as who makes a hostile one has them."""
    (folder / exported.CONFIG_JSON).write_text(json.dumps(config))
    (folder / exported.WEIGHTS).write_bytes(weights)
    names = (exported.CONFIG_JSON, exported.WEIGHTS)
    files = {name: exported.identity(folder / name) for name in names}
    table = {"format": exported.FORMAT, "files": files, **metrics}
    (folder / exported.METRICS).write_text(json.dumps(table))


SMALL = AutoencoderConfig(conv1_channels=1, conv2_channels=1)
TRAINED = {"stage": "autoencoder", "configuration": SMALL.to_dict(), "training": {"seed": 0}}
WEIGHTS = build(SMALL).state_dict()


@FUZZ
@given(
    fields=st.dictionaries(st.sampled_from(["conv1_channels", "n_blocks", "kernel1"]), JSON),
    metrics=st.dictionaries(st.sampled_from(["format", "files", "x"]), JSON),
    changes=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=6),
)
def test_any_export(
    tmp_path: Path,
    fields: dict[str, Any],
    metrics: dict[str, Any],
    changes: list[tuple[int, int]],
) -> None:
    content = bytearray(to_bytes(WEIGHTS))
    for place, value in changes:
        content[place % len(content)] = value
    config = {**TRAINED, "configuration": {**SMALL.to_dict(), **fields}}
    write_export(tmp_path, config, bytes(content), metrics)
    with suppress(StudyError, ConfigurationError):
        exported.read_model(tmp_path).network()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_export_of_weights_that_are_no_numbers_is_refused(tmp_path: Path, value: float) -> None:
    write_export(tmp_path, TRAINED, to_bytes(WEIGHTS), {})
    exported.read_model(tmp_path)
    name = next(iter(WEIGHTS))
    broken = {**WEIGHTS, name: torch.full_like(WEIGHTS[name], value)}
    write_export(tmp_path, TRAINED, to_bytes(broken), {})
    with pytest.raises(StudyError, match="not all finite numbers"):
        exported.read_model(tmp_path)


@FUZZ
@given(table=JSON, fields=st.dictionaries(st.sampled_from(["format", "budget", "seeds"]), JSON))
def test_any_values_as_results(tmp_path: Path, table: Any, fields: dict[str, Any]) -> None:
    for each in (table, fields, {**fields, "format": results.FORMAT, "summary": {}}):
        (tmp_path / results.FILE).write_text(json.dumps(each))
        with pytest.raises(StudyError):
            results.read(tmp_path)
