"""Deep spatial autoencoders: robot video becomes a state for controllers, without labels."""

from dsae import coordinates
from dsae.checkpoint import load
from dsae.encoder import Batch, Encoder, Encoding

__version__ = "0.1.0"
__all__ = ["Batch", "Encoder", "Encoding", "coordinates", "load"]
