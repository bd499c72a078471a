"""How far a cloning has come: present weights, best weights, and a file that it goes on from."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import torch

from dsae import checkpoint
from policies.cloning.actor import Actor
from policies.cloning.config import Config
from policies.errors import PolicyError

KIND = "cloning"
ACTOR, BEST, OPTIMIZER = "actor.", "best.", "optimizer."


class Score(NamedTuple):
    """How good weights are; the greater is the better."""

    success: float = -math.inf
    """Rate in [0, 1]; 0 throughout where nothing is rolled out."""
    rank: float = -math.inf
    """Validation error, negated, or without validation the epoch: it decides among equal rates."""


class Progress:
    """An actor that is being cloned, its optimiser, and the best weights so far."""

    def __init__(self, actor: Actor, config: Config) -> None:
        self.actor, self.config = actor, config
        self.epochs = config.passes(looks=actor.eye is not None)
        self.optimizer = torch.optim.AdamW(
            actor.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        self.epoch = 0
        self.best, self.best_epoch, self.best_score = self._weights(), 0, Score()

    @property
    def finished(self) -> bool:
        """Whether all epochs are over, or the validation error has not fallen for too many."""
        waited = self.epoch - self.best_epoch
        impatient = not self.config.rollouts and waited >= self.config.patience
        return self.epoch >= self.epochs or impatient

    def begin_epoch(self) -> int:
        """Set the rate of the next epoch, which falls along a cosine, and return its number."""
        share = self.epoch / self.epochs
        rate = self.config.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.epoch += 1
        return self.epoch

    def offer(self, score: Score) -> None:
        """Keep the present weights if none had a score so high."""
        if score > self.best_score:
            self.best, self.best_epoch, self.best_score = self._weights(), self.epoch, score

    def result(self) -> Actor:
        """Return the actor with its best weights, ready for use."""
        self.actor.load_state_dict(self.best)
        self.actor.reset()
        return self.actor.eval()

    def save(self, folder: Path, origin: dict[str, Any]) -> None:
        """Write all that `resume` needs; `origin` is JSON that tells this learning from others."""
        tensors = {ACTOR + name: value for name, value in self.actor.state_dict().items()}
        tensors |= {BEST + name: value for name, value in self.best.items()}
        memory = checkpoint.describe_optimizer(self.optimizer)
        tensors |= {OPTIMIZER + name: value for name, value in memory.items()}
        checkpoint.write(
            folder / checkpoint.CHECKPOINT_FILE,
            tensors,
            kind=KIND,
            origin=origin,
            epoch=self.epoch,
            best_epoch=self.best_epoch,
            best_score=list(self.best_score),
        )

    def resume(self, folder: Path, origin: dict[str, Any]) -> None:
        """Go on from the file in `folder`, if there is one; PolicyError if it is of another."""
        file = folder / checkpoint.CHECKPOINT_FILE
        if not file.exists():
            return
        tensors, header = checkpoint.read(file, kind=KIND)
        if header["origin"] != origin:
            raise PolicyError(
                f"{file} was written by a learning of another configuration: choose another folder"
            )
        self.actor.load_state_dict(checkpoint.part(tensors, ACTOR))
        self.best = checkpoint.part(tensors, BEST)
        checkpoint.restore_optimizer(self.optimizer, checkpoint.part(tensors, OPTIMIZER))
        self.epoch, self.best_epoch = header["epoch"], header["best_epoch"]
        self.best_score = Score(*header["best_score"])

    def _weights(self) -> dict[str, torch.Tensor]:
        return {name: value.clone() for name, value in self.actor.state_dict().items()}
