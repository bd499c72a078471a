"""Begin a training with what another one has learned. (Being written: see `initialise`.)"""

from dsae.encoder import Encoder


def initialise(target: Encoder, source: Encoder) -> tuple[str, ...]:
    """Copy the tensors whose names and shapes agree, and return their names."""
    raise NotImplementedError
