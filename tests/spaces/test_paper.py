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


TABLES_4_AND_5 = [
    # name, train loss, validation loss, train accuracy %, test accuracy %
    ("fc10-adam", 0.0531, 0.3312, 98.12, 91.27),
    ("fc-adam", 0.0520, 0.4182, 98.06, 90.83),
    ("fc-sgd", 0.1529, 0.2463, 94.65, 91.48),
]


def percent(share: float | None) -> float:
    assert share is not None
    return round(share * 100, 6)


def test_the_published_numbers_of_classifiers_are_those_of_tables_4_and_5() -> None:
    rows = [
        (
            row.name,
            row.train_loss,
            row.validation_loss,
            percent(row.train_accuracy),
            percent(row.validation_accuracy),
        )
        for row in paper.CLASSIFIERS
    ]
    assert rows == TABLES_4_AND_5
    best = max(paper.CLASSIFIERS, key=lambda row: percent(row.validation_accuracy))
    assert best == paper.BEST_CLASSIFIER


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
