"""The network that acts: from the last few states, perhaps with images, to an action."""

import math
from typing import Any

import numpy as np
import torch

from dsae.encoder import ImageShape
from dsae.nn.networks import perceptron
from policies.actor import Actor as BaseActor
from policies.cloning import heads
from policies.cloning.history import Recent
from policies.cloning.vision import Eye, shifted

# Floor of σ, in metres and in the units of feature points: what hardly moves (a kept orientation, a
# point that follows nothing) is not blown up to the size of what matters.
MIN_SCALE = 0.1


class Actor(BaseActor):
    """An MLP from the last `history` states, normalised, to what its head reads as an action.

    Where `image_shape` (H, W, C) is given, the last H·W·C numbers of a state are an image in
    [0, 1]; a convolutional network makes `points` feature points of it, which join the rest.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: int,
        layers: int,
        *,
        head: str = "deterministic",
        modes: int = 1,
        min_std: float = 1e-4,
        history: int = 1,
        image_shape: ImageShape | None = None,
        points: int = 0,
    ) -> None:
        super().__init__()
        self.outputs, self.history = outputs, history
        self.image_shape = image_shape
        self._description = {
            "inputs": inputs,
            "outputs": outputs,
            "hidden": hidden,
            "layers": layers,
            "head": head,
            "modes": modes,
            "min_std": min_std,
            "history": history,
            "image_shape": list(image_shape) if image_shape else None,
            "points": points,
        }
        # The length of a state without its image.
        self.plain = inputs - math.prod(image_shape) if image_shape else inputs
        self.register_buffer("mean", torch.zeros(self.plain))
        self.register_buffer("scale", torch.ones(self.plain))
        self.eye = Eye(image_shape, points) if image_shape else None
        self.head = heads.make(head, outputs, modes=modes, min_std=min_std)
        seen = self.plain + (self.eye.size if self.eye else 0)
        self.network = perceptron(history * seen, (hidden,) * layers, self.head.size)
        self._recent = Recent(history)

    def description(self) -> dict[str, Any]:
        """Return the arguments that build this actor again."""
        return dict(self._description)

    @torch.no_grad()
    def normalise(self, plain: torch.Tensor) -> None:
        """Take mean and scale of states without their images, (N, `plain`), for what comes."""
        self.mean.copy_(plain.mean(dim=0))
        self.scale.copy_(plain.std(dim=0, correction=0).clamp(min=MIN_SCALE))

    def forward(
        self, states: torch.Tensor, shift: int = 0, rng: np.random.Generator | None = None
    ) -> torch.Tensor:
        """Return the head's numbers (B, `head.size`) for the last states, (B, history, D).

        With `shift` the images are shifted by so many pixels at most, drawn from `rng`.
        """
        parts = [(states[..., : self.plain] - self.mean) / self.scale]
        if self.eye and self.image_shape:
            images = states[..., self.plain :].unflatten(-1, self.image_shape)
            images = images.movedim(-1, -3)  # (B, history, C, H, W)
            if shift and rng:
                images = shifted(images, shift, rng)
            seen = self.eye(images.flatten(0, 1))
            parts.append(seen.unflatten(0, states.shape[:2]))  # (B, history, 2 · points)
        return self.network(torch.cat(parts, dim=-1).flatten(1))

    def input_norm(self) -> torch.Tensor:
        """Return the sum of |w| over the first layer's weights: its L1 norm."""
        first = self.network[0]
        assert isinstance(first, torch.nn.Linear)
        return first.weight.abs().sum()

    def reset(self, condition: int = 0) -> None:
        """Forget the states so far: all environments begin an episode."""
        self._recent.reset()

    @torch.no_grad()
    def act(self, states: np.ndarray) -> np.ndarray:
        """Return the next actions, float32 (N, A), for states (N, D)."""
        recent = self._recent.push(np.asarray(states, np.float32))
        return self.head.act(self(torch.from_numpy(recent))).numpy()
