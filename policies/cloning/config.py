"""How a policy is cloned."""

import math
from dataclasses import dataclass

from dsae.ranges import check_ranges
from policies.cloning.heads import HeadName

EPOCHS, LOOKING_EPOCHS = 200, 40
"""Passes over the demonstrations, and of an actor that looks at images itself, whose passes take
fifty times as long."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The network, what it is trained with, and which of its weights are kept.

    The budget is `epochs`; what an epoch costs depends on the data and on what the actor looks at.
    """

    hidden: int = 256
    """Width of the hidden layers."""
    layers: int = 4
    """Number of hidden layers."""
    head: HeadName = "deterministic"
    """`deterministic` regresses the action; `mixture` learns Gaussians over it, for demonstrators
    that do now this and now that in one state, and acts with the mean of the likeliest."""
    modes: int = 5
    """Gaussians of a mixture."""
    min_std: float = 0.1
    """Smallest deviation of a mixture's Gaussians, in units of the action. robomimic's is 1e-4, for
    people's demonstrations; those of a script were cloned far worse with 0.01
    (docs/results/cloning.md)."""
    history: int = 1
    """Latest states that the actor sees, its own included."""
    points: int = 32
    """Feature points of the network that looks at images, on the state `pixels`."""
    shift: int = 0
    """Pixels by which images are shifted at random, either way, while learning; 4 is usual."""
    learning_rate: float = 1e-3
    """Adam's rate, falling along a cosine."""
    weight_decay: float = 1e-2
    """Decoupled weight decay."""
    input_l1: float = 1e-3
    """Weight of the L1 norm of the first layer, so that the actor reads no more of its state than
    it has a use for; from few demonstrations it otherwise learns by heart what many numbers say of
    each episode (docs/results/cloning.md)."""
    batch: int = 128
    """Steps of demonstrations per update."""
    epochs: int | None = None
    """Passes over the demonstrations at most [200, and 40 on pixels]."""
    patience: int = 25
    """Epochs without a better validation error after which it stops, where there is one; with
    `rollouts` it never does."""
    validation: float = 0.0
    """Share of the episodes kept for validation. With 0 all are learned from and the last weights
    are returned, else those of the lowest validation error: what is kept is missed more than the
    choice is worth (docs/results/cloning.md)."""
    rollouts: int = 0
    """Episodes of the task per evaluation while learning; the weights of the highest success are
    returned. Nothing is learned from these episodes, and the log's `samples` leave them out."""
    evaluate_every: int = 10
    """Epochs between two such evaluations; there is one after the last epoch, too."""
    velocities: bool = False
    """Learn on joints and velocities as well, where a state estimator knows them. Off, since a
    cloned network reads from them what the demonstrator did last and does that again (de Haan,
    Jayaraman & Levine 2019)."""

    def __post_init__(self) -> None:
        positive, not_negative = (1, math.inf), (0, math.inf)
        check_ranges(
            self,
            hidden=positive,
            layers=positive,
            modes=positive,
            min_std=(1e-6, math.inf),
            history=positive,
            points=positive,
            shift=not_negative,
            learning_rate=not_negative,
            weight_decay=not_negative,
            input_l1=not_negative,
            batch=positive,
            epochs=positive,
            patience=positive,
            validation=(0, 1),
            rollouts=not_negative,
            evaluate_every=positive,
        )

    def passes(self, *, looks: bool) -> int:
        """Return the epochs, also where they were left open, of an actor that `looks` or not."""
        return self.epochs or (LOOKING_EPOCHS if looks else EPOCHS)
