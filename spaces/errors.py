"""The errors a user can cause or mend; the command line shows them as one line, without traceback.

Everything else is a bug and keeps its traceback.
"""


class FmnistSearchError(Exception):
    """Base of all errors whose message says what was wrong and what to do next."""


class ConfigurationError(FmnistSearchError, ValueError):
    """A configuration or a dimension of a space has a value that cannot be."""


class DataError(FmnistSearchError):
    """Fashion-MNIST is missing, damaged, or cannot be fetched or stored."""


class StudyError(FmnistSearchError):
    """A study cannot be opened, resumed or found as asked."""


class TrainingDivergedError(FmnistSearchError):
    """A training or validation loss became NaN or infinite."""
