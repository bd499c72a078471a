"""The conditional VAE: the decoder is told the robot's own state, so the code may leave it out.

    loss = −E_q[log p(I | z, r)] + β |KL(q(z | I) ‖ N(0, 1)) − C|

(Sohn, Lee & Yan 2015, with the prior of z independent of the condition r, as in their
relaxed model.) r is the robot's state, standardised by the training data's mean and deviation. The
paper's q sees r as well; ours sees the image alone, so that it encodes images like any other
encoder. Whatever of r the image shows is still dear to transmit and of no use to the decoder.
"""

from dataclasses import dataclass

import torch

from dsae.encoder import Batch, Data, ImageShape
from dsae.encoders import vae
from dsae.errors import EncoderError

CONSTANT = 1e-6  # (units of the robot's state) a number that deviates by less is taken as constant


@dataclass(frozen=True, kw_only=True)
class Config(vae.Config):
    """What a conditional VAE is made of."""


class Encoder(vae.Encoder):
    """A Gaussian code of what the robot cannot feel."""

    needs = frozenset({"robot"})
    robot_mean: torch.Tensor
    robot_deviation: torch.Tensor

    def __init__(self, config: Config, image_shape: ImageShape, *, robot_size: int) -> None:
        super().__init__(config, image_shape, condition=robot_size, robot_size=robot_size)
        self.register_buffer("robot_mean", torch.zeros(robot_size))
        self.register_buffer("robot_deviation", torch.ones(robot_size))

    def prepare(self, data: Data) -> None:
        """Take the background, and the mean and deviation of the robot's state."""
        super().prepare(data)
        if data.robot is None:
            raise EncoderError("a conditional VAE needs the robot's own state beside the images")
        robot = torch.from_numpy(data.robot).double()
        deviation, mean = torch.std_mean(robot, dim=0, correction=0)
        self.robot_mean.copy_(mean)
        self.robot_deviation.copy_(deviation.where(deviation > CONSTANT, 1.0))

    def decode(self, features: torch.Tensor, robot: torch.Tensor | None = None) -> torch.Tensor:
        """Draw images from codes (B, D) and the robot's states (B, R), their mean if left out."""
        return super().decode(self._with_robot(features, robot))

    def conditioned(self, codes: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return codes and standardised robot states, (B·L, D + R)."""
        if batch.robot is None:
            raise EncoderError("a conditional VAE needs the robot's own state beside the images")
        return self._with_robot(codes, batch.robot.flatten(0, 1))

    def _with_robot(self, codes: torch.Tensor, robot: torch.Tensor | None) -> torch.Tensor:
        if robot is None:
            robot = self.robot_mean.expand(len(codes), -1)
        standardised = (robot - self.robot_mean) / self.robot_deviation
        return torch.cat([codes, standardised], dim=1)
