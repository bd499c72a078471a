"""The statistics of batch normalisation of a network that is not trained."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

CALIBRATION_IMAGES = 500  # that the statistics are taken of, spread over the data


@torch.no_grad()
def calibrate(
    module: nn.Module, forward: Callable[[torch.Tensor], Any], chunks: Iterable[torch.Tensor]
) -> None:
    """Take the mean and variance that every batch normalisation of `module` divides by from data.

    `forward` passes one of the `chunks` through the module; a statistic is the plain average over
    the chunks. The first ones, zero and one, would shrink activations from layer to layer until a
    softmax is flat: a worse network than the one that training begins with. A module without batch
    normalisation stays as it is, and is passed nothing.
    """
    norms = [one for one in module.modules() if isinstance(one, nn.BatchNorm1d | nn.BatchNorm2d)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    training = module.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average
    module.train()
    for chunk in chunks:
        forward(chunk)
    module.train(training)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
