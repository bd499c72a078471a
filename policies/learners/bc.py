"""Behaviour cloning: do in each state what the demonstrator did (Pomerleau 1989).

min_θ E ‖π_θ((s − μ) / σ) − a‖²        a deterministic actor
max_θ E log p_θ(a | (s − μ) / σ)       a mixture of Gaussians, where a state has several answers

The state may be the last few ones, and on `pixels` the actor learns to see, too: the contrast to
an encoder that learned without actions.
"""

from policies.cloning.actor import Actor as Actor
from policies.cloning.config import Config
from policies.cloning.rollouts import examine
from policies.cloning.training import clone
from policies.learner import Problem
from policies.policy import Policy

NEEDS_DATA = True
NEEDS_VELOCITIES = False
SMALL = Config(hidden=64, layers=2, batch=64, epochs=60, learning_rate=3e-3)


def check(state: str) -> None:
    """Any state will do."""


def learn(problem: Problem, config: Config) -> Policy:
    """Clone the demonstrations; with `config.rollouts`, keep what succeeds most in the task."""
    shown, state = problem.demonstrations(velocities=config.velocities)
    epochs = config.passes(looks=state.image_shape is not None)

    def log(epoch: int, figures: dict[str, float]) -> None:
        problem.log(epoch, {**figures, "samples": float(len(shown.states))})
        name = next(n for n in ("success", "validation_error", "train_error") if n in figures)
        problem.progress(epoch / epochs, f"{name.split('_')[-1]} {figures[name]:.4g}")

    actor = clone(
        shown,
        config,
        seed=problem.seed,
        image_shape=state.image_shape,
        examine=lambda actor: examine(problem, state, actor, config.rollouts),
        folder=problem.folder,
        log=log,
    )
    return problem.policy(state, actor)
