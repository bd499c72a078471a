"""Trajectory-centric reinforcement learning: LQR-FLM, as Finn et al. (2016) learn with.

For each initial condition a time-varying linear-Gaussian controller is improved: roll it out a few
times, fit linear-Gaussian dynamics with a mixture prior, take the best step within a KL bound
(Levine & Abbeel 2014). Deviations: the best controller so far is kept and rolled back to, the
exploration is smoothed over time, rollouts that lose an object end and cost extra. Of the cost, the
distance of what is to be brought somewhere, and under torques the joints' velocities, count more
towards the end; actions count the same at all times.
"""

from policies.learner import Problem, refuse_states
from policies.policy import Policy
from policies.trajectory.actor import Actor as Actor
from policies.trajectory.config import Config
from policies.trajectory.learning import Learning

NEEDS_DATA = False
NEEDS_VELOCITIES = True
SMALL = Config(iterations=6, rollouts=5)
FIRST = {"iterations": 8, "rollouts": 4, "moves": 0.03}
"""Settings with which it learns without vision, to collect the images an encoder is trained on."""
SEEN = {"iterations": 18, "rollouts": 8, "goal": 2.0}
"""Settings with which it then learns on what is seen."""


def check(state: str) -> None:
    """PolicyError for pixels: a linear map of an image's pixels is no controller."""
    refuse_states(
        "lqr_flm", state, ("pixels",),
        "its controllers are linear in few numbers; give oracle, blind or a folder of 'dsae state'",
    )  # fmt: skip


def learn(problem: Problem, config: Config) -> Policy:
    """Optimise the controllers."""
    return Learning(problem, config).run()
