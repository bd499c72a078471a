"""What an encoder's first layer looks for, as pictures."""

import torch
from torch import nn

from dsae import encoders
from dsae.encoder import Encoder
from dsae.errors import EncoderError
from dsae.nn.networks import ImageToCode
from dsae.ready import LinearEncoder


def first_layer_filters(encoder: Encoder) -> torch.Tensor:
    """Return the filters of the first layer between image and code, float (N, C, h, w).

    They are the kernels of the first convolution, the weights of each unit of a dense network's
    first layer as an image of the size it sees, or the components of PCA and ICA. Values are the
    weights themselves, of either sign. Raises EncoderError for an encoder that has none.
    """
    if isinstance(encoder, LinearEncoder):
        return encoder.analysis.unflatten(1, encoder.target).clone()
    for module in encoder.modules():
        if isinstance(module, ImageToCode) and module.dense_size:
            first = next(layer for layer in module.modules() if isinstance(layer, nn.Linear))
            return first.weight.detach().unflatten(1, module.dense_size).clone()
        if isinstance(module, nn.Conv2d) and module.in_channels == encoder.image_shape[2]:
            return module.weight.detach().clone()
    raise EncoderError(f"'{encoders.family_of(encoder)}' has no layer of filters to draw")
