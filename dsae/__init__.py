"""Deep spatial autoencoders: from robot video to a state that a controller can use, without labels."""

from dsae.checkpoint import load
from dsae.encoder import Batch, Encoder, Encoding

__version__ = "0.1.0"
__all__ = ["Batch", "Encoder", "Encoding", "load"]
