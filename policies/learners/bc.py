"""Behaviour cloning: regress the demonstrator's actions on the state.

min_θ E ‖π_θ((s − μ) / σ) − a‖²        (Pomerleau 1989)
"""

import copy
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from dsae.ranges import check_ranges
from policies.actor import Actor as BaseActor
from policies.demonstrations import Demonstrations
from policies.errors import PolicyError
from policies.learner import Problem
from policies.policy import Policy

NEEDS_DATA = True
NEEDS_VELOCITIES = False

# Floor of σ, in metres and in the units of feature points: what hardly moves (a kept orientation, a
# point that follows nothing) is not blown up to the size of what matters.
MIN_SCALE = 0.1


@dataclass(frozen=True, kw_only=True)
class Config:
    """How a policy is cloned."""

    hidden: int = 256
    """Width of the hidden layers."""
    layers: int = 4
    """Number of hidden layers."""
    learning_rate: float = 1e-3
    """Adam's rate, falling along a cosine."""
    weight_decay: float = 1e-5
    """Decoupled weight decay."""
    batch: int = 256
    """Steps of demonstrations per update."""
    epochs: int = 100
    """Passes over the demonstrations at most."""
    patience: int = 25
    """Epochs without a better validation error after which it stops."""
    validation: float = 0.1
    """Share of the episodes kept for validation."""
    velocities: bool = False
    """Learn on joints and velocities as well, where a state estimator knows them. Off, since a
    cloned network reads from them what the demonstrator did last and does that again (de Haan,
    Jayaraman & Levine 2019)."""

    def __post_init__(self) -> None:
        positive = (1, math.inf)
        check_ranges(
            self,
            hidden=positive,
            layers=positive,
            learning_rate=(0, math.inf),
            weight_decay=(0, math.inf),
            batch=positive,
            epochs=positive,
            patience=positive,
            validation=(0, 1),
        )


SMALL = Config(hidden=64, layers=2, epochs=40, learning_rate=3e-3)


def check(state: str) -> None:
    """Any state will do."""


class Actor(BaseActor):
    """An MLP from normalised states to actions."""

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, inputs: int, outputs: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.inputs, self.outputs, self.hidden, self.layers = inputs, outputs, hidden, layers
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        widths = [inputs, *[hidden] * layers]
        modules: list[nn.Module] = []
        for width, following in itertools.pairwise(widths):
            modules += [nn.Linear(width, following), nn.ReLU()]
        self.network = nn.Sequential(*modules, nn.Linear(widths[-1], outputs))

    def description(self) -> dict[str, int]:
        """Return the arguments that build this actor again."""
        return {
            "inputs": self.inputs,
            "outputs": self.outputs,
            "hidden": self.hidden,
            "layers": self.layers,
        }

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return actions (N, A) for states (N, D)."""
        return self.network((states - self.mean) / self.scale)

    @torch.no_grad()
    def act(self, states: np.ndarray) -> np.ndarray:
        """Return actions, float32 (N, A), for states (N, D)."""
        return self(torch.from_numpy(np.asarray(states, np.float32))).numpy()


def learn(problem: Problem, config: Config) -> Policy:
    """Clone the demonstrations."""
    shown, state = problem.demonstrations(velocities=config.velocities)

    def log(epoch: int, figures: dict[str, float]) -> None:
        problem.log(epoch, figures)
        problem.progress(epoch / config.epochs, f"error {figures['validation_error']:.4g}")

    return problem.policy(state, clone(shown, config, seed=problem.seed, log=log))


def clone(
    demonstrations: Demonstrations,
    config: Config,
    *,
    seed: int,
    log: Callable[[int, dict[str, float]], None] | None = None,
) -> Actor:
    """Clone demonstrations and return the actor with the lowest validation error.

    `log` is called after every epoch. The same seed gives the same weights.
    """
    rng = np.random.default_rng(seed)
    train, validation = _split(demonstrations, config.validation, rng)
    states, actions = demonstrations.states, demonstrations.actions
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        actor = Actor(states.shape[1], actions.shape[1], config.hidden, config.layers)
    actor.mean.copy_(torch.from_numpy(states[train].mean(axis=0)))
    actor.scale.copy_(torch.from_numpy(states[train].std(axis=0)).clamp(min=MIN_SCALE))
    inputs, targets = torch.from_numpy(states), torch.from_numpy(actions)
    optimizer = torch.optim.AdamW(
        actor.parameters(), config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.epochs)
    best, best_error, best_epoch = copy.deepcopy(actor.state_dict()), float("inf"), 0
    for epoch in range(1, config.epochs + 1):
        error = _epoch(actor, optimizer, inputs, targets, rng.permutation(train), config.batch)
        schedule.step()
        with torch.no_grad():
            held_out = float(nn.functional.mse_loss(actor(inputs[validation]), targets[validation]))
        if log:
            log(epoch, {"train_error": error, "validation_error": held_out})
        if not np.isfinite(held_out):
            raise PolicyError(f"the error is {held_out} at epoch {epoch}: lower the learning rate")
        if held_out < best_error:
            best, best_error, best_epoch = copy.deepcopy(actor.state_dict()), held_out, epoch
        elif epoch - best_epoch >= config.patience:
            break
    actor.load_state_dict(best)
    return actor.eval()


def _epoch(
    actor: Actor,
    optimizer: torch.optim.Optimizer,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    order: np.ndarray,
    batch: int,
) -> float:
    """Pass once over the steps in `order` and return the mean error."""
    total = 0.0
    for chosen in torch.from_numpy(order).split(batch):
        error = nn.functional.mse_loss(actor(inputs[chosen]), targets[chosen])
        optimizer.zero_grad(set_to_none=True)
        error.backward()
        optimizer.step()
        total += float(error.detach()) * len(chosen)
    return total / len(order)


def _split(
    demonstrations: Demonstrations, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps to train on and those of the episodes kept for validation."""
    numbers = rng.permutation(np.unique(demonstrations.episodes))
    if len(numbers) < 2:
        raise PolicyError("cloning needs two episodes at least, one of them for validation")
    kept = numbers[: max(1, round(share * len(numbers)))]
    held_out = np.isin(demonstrations.episodes, kept)
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
