import pytest

from spaces import paper
from spaces.autoencoder import PAPER_SPACE, AutoencoderConfig
from spaces.stages import AUTOENCODER

TABLE_3 = [
    # name, train %, validation %, parameters
    ("baseline", 8.58, 7.26, 18_193),
    ("dropout", 3.00, 3.12, 18_193),
    ("batchnorm", 2.70, 2.83, 18_289),
    ("max-avg", 2.29, 2.31, 18_289),
    ("channels", 1.59, 1.75, 212_321),
]


def test_the_published_numbers_are_those_of_table_3() -> None:
    rows = [
        (
            row.name,
            round(row.train_loss * 100, 6),
            round(row.validation_loss * 100, 6),
            row.config.n_parameters(),
        )
        for row in paper.AUTOENCODERS
    ]
    assert rows == TABLE_3


def test_each_configuration_changes_one_thing_of_the_one_before() -> None:
    changes = [
        {name for name, value in row.config.to_dict().items() if value != before[name]}
        for row, before in zip(
            paper.AUTOENCODERS[1:],
            [row.config.to_dict() for row in paper.AUTOENCODERS],
            strict=False,
        )
    ]
    assert changes == [
        {"dropout"},
        {"batchnorm"},
        {"pool2"},
        {"conv1_channels", "conv2_channels"},
    ]
    assert paper.AUTOENCODERS[0].config == AutoencoderConfig(
        dropout=0.2,
        batchnorm=False,
        pool1="max",
        pool2="max",
        conv1_channels=16,
        conv2_channels=32,
        learning_rate=1e-3,
        batch_size=100,
    )
    last = AutoencoderConfig(batchnorm=True, pool2="avg", conv1_channels=64, conv2_channels=96)
    assert paper.AUTOENCODERS[-1].config == last


def test_the_best_row_is_the_one_with_the_lowest_validation_loss() -> None:
    assert min(paper.AUTOENCODERS, key=lambda r: r.validation_loss) == paper.BEST_AUTOENCODER


def test_the_run_order_has_each_row_once() -> None:
    assert sorted(paper.AUTOENCODER_RUN_ORDER) == sorted(row.name for row in paper.AUTOENCODERS)
    assert len({row.name for row in paper.AUTOENCODERS}) == len(paper.AUTOENCODERS)


def test_the_default_space_holds_all_of_the_papers_configurations() -> None:
    assert all(row.config in PAPER_SPACE for row in paper.AUTOENCODERS)


def test_rows_are_found_by_name() -> None:
    assert AUTOENCODER.paper_row("max-avg").config.pool2 == "avg"
    with pytest.raises(KeyError):
        AUTOENCODER.paper_row("best")
