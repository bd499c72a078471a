"""Begin a training with what another one has learned."""

import itertools
from collections.abc import Iterator

import torch

from dsae import encoders
from dsae.encoder import Encoder
from dsae.errors import EncoderError

# The networks from image to code, from the image on, as all families name them.
NETWORKS = ("trunk", "softmax", "to_code", "head")


@torch.no_grad()
def initialise(target: Encoder, source: Encoder) -> tuple[str, ...]:
    """Copy the layers that two encoders share between image and code; return the tensors' names.

    From the image on, every tensor of the same name and shape is copied, up to the first that does
    not fit: what a layer means depends on all those before it. Decoders, backgrounds and statistics
    of the data are left alone. So are, between different families, the layers that say what the
    code means, however well their shapes fit: the linear ones behind convolutions (which made a
    supervised network worse than its own random ones where labels were few), and the last one of a
    network without convolutions. Raises EncoderError if nothing fits.
    """
    from_family, to_family = encoders.family_of(source), encoders.family_of(target)
    whole = from_family == to_family
    given = dict(_tensors(source, whole=whole))
    copied = []
    for name, tensor in _tensors(target, whole=whole):
        if name not in given or given[name].shape != tensor.shape:
            break
        tensor.copy_(given[name])
        copied.append(name)
    if not copied:
        raise EncoderError(
            f"no layer of '{from_family}' fits '{to_family}': the first layer of one is "
            f"{_first(source)}, that of the other {_first(target)}"
        )
    return tuple(copied)


def _tensors(encoder: Encoder, *, whole: bool) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the tensors between image and code in order; unless `whole`, those another can use."""
    for network in NETWORKS:
        module = getattr(encoder, network, None)
        if module is None:
            continue
        tensors = module.state_dict(prefix=f"{network}.", keep_vars=True)
        kernels = any(tensor.ndim == 4 for tensor in tensors.values())
        matrices = [index for index, tensor in enumerate(tensors.values()) if tensor.ndim == 2]
        end = None if whole or not matrices else matrices[0 if kernels else -1]
        yield from itertools.islice(tensors.items(), end)


def _first(encoder: Encoder) -> str:
    """Name the first layer and its shape."""
    for name, tensor in _tensors(encoder, whole=True):
        return f"{name} of {'×'.join(map(str, tensor.shape))}"
    return "missing (it has no network)"
