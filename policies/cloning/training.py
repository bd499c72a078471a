"""Cloning itself: passes over demonstrations, and which of the weights are returned."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dsae.encoder import ImageShape
from policies.cloning.actor import Actor
from policies.cloning.config import Config
from policies.cloning.progress import Progress, Score
from policies.cloning.steps import Steps, split
from policies.demonstrations import Demonstrations
from policies.errors import PolicyError

Examine = Callable[[Actor], dict[str, float]]
"""Rolls an actor out and returns `success`, a rate, and what else is worth logging."""
Log = Callable[[int, dict[str, float]], None]
"""Called with the epoch and its figures."""


def clone(
    shown: Demonstrations,
    config: Config,
    *,
    seed: int,
    image_shape: ImageShape | None = None,
    examine: Examine | None = None,
    folder: Path | None = None,
    log: Log | None = None,
) -> Actor:
    """Clone demonstrations and return the actor with the best weights that there were.

    The best are the last, or with episodes kept for validation those of the lowest error there;
    where `config.rollouts` asks for it, those of the highest success in what `examine` rolls out,
    and among equals as before. `image_shape` (H, W, C) is that of the image that ends each state.
    In `folder` a file is kept after every epoch, from which an interrupted cloning goes on; it ends
    in the same weights. The same seed gives the same weights: the split follows from it, an epoch's
    batches from it and the epoch's number.

    Raises PolicyError if an error is not finite, there are too few episodes, or `folder` holds
    what another cloning left.
    """
    if config.rollouts and examine is None:
        raise PolicyError("there is no task to roll out in: rollouts = 0")
    train, held_out = split(shown.episodes, config.validation, np.random.default_rng([seed, 0]))
    steps = Steps.of(shown, config.history)
    progress = Progress(_new_actor(steps, config, seed, image_shape), config)
    progress.actor.normalise(steps.states[:, : progress.actor.plain][train])
    origin = _origin(progress.actor, steps, config, seed)
    if folder:
        progress.resume(folder, origin)
    while not progress.finished:
        epoch = progress.begin_epoch()
        figures = _epoch(progress, steps, train, held_out, np.random.default_rng([seed, epoch]))
        due = epoch % config.evaluate_every == 0 or epoch == progress.epochs
        if examine and config.rollouts and due:
            figures |= examine(progress.actor.eval())
        if log:
            log(epoch, figures)
        error = figures.get("validation_error", figures["train_error"])
        if not math.isfinite(error):
            raise PolicyError(f"the error is {error} at epoch {epoch}: lower the learning rate")
        if not config.rollouts or "success" in figures:
            later_is_better = float(epoch)
            rank = -error if len(held_out) else later_is_better
            progress.offer(Score(figures.get("success", 0.0), rank))
        if folder:
            progress.save(folder, origin)
    return progress.result()


def _new_actor(steps: Steps, config: Config, seed: int, image_shape: ImageShape | None) -> Actor:
    """Return an actor whose weights follow from the seed alone; the caller draws as before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Actor(
            steps.states.shape[1],
            steps.actions.shape[1],
            config.hidden,
            config.layers,
            head=config.head,
            modes=config.modes,
            min_std=config.min_std,
            history=config.history,
            image_shape=image_shape,
            points=config.points,
        )


def _origin(actor: Actor, steps: Steps, config: Config, seed: int) -> dict[str, Any]:
    """Return what decides the weights, as JSON; of the data their number alone."""
    return {
        "config": dataclasses.asdict(config),
        "seed": seed,
        "actor": actor.description(),
        "steps": len(steps.states),
    }


def _epoch(
    progress: Progress,
    steps: Steps,
    train: np.ndarray,
    held_out: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Pass once over the steps to train on; return the mean errors there and on any held out."""
    actor, config = progress.actor.train(), progress.config
    total = 0.0
    for chosen in torch.from_numpy(rng.permutation(train)).split(config.batch):
        states, actions = steps.some(chosen)
        error = actor.head.loss(actor(states, config.shift, rng), actions)
        progress.optimizer.zero_grad(set_to_none=True)
        (error + config.input_l1 * actor.input_norm()).backward()
        progress.optimizer.step()
        total += float(error.detach()) * len(chosen)
    errors = {"train_error": total / len(train)}
    if len(held_out):
        errors["validation_error"] = _error(actor.eval(), steps, held_out, config.batch)
    return errors


@torch.no_grad()
def _error(actor: Actor, steps: Steps, rows: np.ndarray, batch: int) -> float:
    """Return the mean error of the head at these steps."""
    total = 0.0
    for chosen in torch.from_numpy(rows).split(batch):
        states, actions = steps.some(chosen)
        total += float(actor.head.loss(actor(states), actions)) * len(chosen)
    return total / len(rows)
