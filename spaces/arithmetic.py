"""Sizes and parameter counts of layers, from their hyperparameters alone.

Sizes follow the formulas of the paper's Sections 2.1 and 2.2. Its formula for the transposed
convolution prints ``dilation·kernel`` where ``dilation·(kernel − 1)`` is meant; the corrected one
stands here.
"""


def conv_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """Side of the output of a convolution or pooling over ``size`` × ``size`` pixels (Sec. 2.1)."""
    return (size + 2 * padding - kernel) // stride + 1


def conv_transpose_size(size: int, kernel: int, stride: int, padding: int) -> int:
    """Side of the output of a transposed convolution over ``size`` × ``size`` pixels (Sec. 2.2)."""
    return (size - 1) * stride - 2 * padding + (kernel - 1) + 1


def conv_parameters(channels_in: int, channels_out: int, kernel: int) -> int:
    """Weights and biases of a plain or transposed convolution with a square kernel."""
    return channels_in * channels_out * kernel**2 + channels_out


def batchnorm_parameters(channels: int) -> int:
    """Scale and shift of a batch norm; its running statistics are not parameters."""
    return 2 * channels


def linear_parameters(features_in: int, features_out: int) -> int:
    """Weights and biases of a fully connected layer."""
    return features_in * features_out + features_out
