"""The errors a user can cause or mend; the command line shows them as one line, without traceback.

Everything else is a bug and keeps its traceback.
"""

import errno


class FmnistSearchError(Exception):
    """Base of all errors whose message says what was wrong and what to do next."""


class ConfigurationError(FmnistSearchError, ValueError):
    """A configuration or a dimension of a space has a value that cannot be."""


class TrustError(FmnistSearchError):
    """A file that nobody vouched for decides what needs the user's word."""


class DataError(FmnistSearchError):
    """Fashion-MNIST is missing, damaged, or cannot be fetched or stored."""


class StudyError(FmnistSearchError):
    """A study cannot be opened, resumed or found as asked."""


class FaultError(StudyError):
    """Something around a run failed: a disk, a database, a scheduler.

    No finished trial is lost; the same command goes on once it is mended.
    """


class NoEncoderError(StudyError):
    """No autoencoder is trained that a classifier's encoder could start from."""


class ImageError(FmnistSearchError):
    """A picture cannot be read, or what was made of it cannot be written."""


def lacks_right(error: BaseException) -> bool:
    """Whether the system does not let this user write or read there, which waiting cannot mend."""
    refusals = (errno.EACCES, errno.EPERM, errno.EROFS)
    return isinstance(error, OSError) and error.errno in refusals


class TrainingDivergedError(FmnistSearchError):
    """A training or validation loss became NaN or infinite."""
