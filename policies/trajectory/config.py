"""How trajectories are optimised."""

import math
from dataclasses import dataclass, field
from typing import Any

from dsae.ranges import check_ranges
from policies.errors import PolicyError
from policies.trajectory.objective import Weights
from policies.trajectory.situation import Guide


@dataclass(frozen=True, kw_only=True)
class Config:
    """How trajectories are optimised."""

    iterations: int = 18
    """Times that all controllers are improved; two more rounds of rollouts choose in the end."""
    rollouts: int = 5
    """Of each controller, between two improvements."""
    conditions: int = 1
    """Initial conditions, each with a controller of its own; the task draws them by the seed."""
    condition: dict[str, Any] = field(default_factory=dict)
    """Reset options that are the same in all of them, such as {goal: [0.5, 0.1]}."""
    guide: Guide = "auto"
    """What leads the arm: what the task says is to be brought where, or the way that its expert
    shows once. auto: the aims, where the task has any and, if an image of the goal is wanted, can
    be reset with things there; an arm that is to reach a place itself has to be shown."""
    begin: str = ""
    """Run folder of a policy of such trajectories to begin with, such as one without vision. Left
    out of account where feature points tell where the thing is that is to be pushed
    (`policies.trajectory.locating`), or how far a hook stands elsewhere. On the told state it
    makes results worse (docs/results/trajectories.md)."""
    variance: float = 0.3
    """Of the first controller's actions, in units of the action range."""
    bound: float = 1.0
    """KL divergence per time step that an improvement may bring, in nats, before adaptation."""
    clusters: int = 20
    """Of the mixture prior at most."""
    kept: int = 20
    """Last rollouts of each condition that the prior, which all share, is fitted to."""
    way: float = 1.0
    """Weight of being where one can push from, or where it was shown."""
    led: float = 0.1
    """Share of that which remains after the arm was led to where it can push, if there is an image
    of the goal but the thing itself is neither told nor found; without effect otherwise."""
    goal: float = 1.0
    """Weight of what is to be brought to its place."""
    action: float = 1e-2
    """Weight of the actions' squares."""
    velocity: float = 0.3
    """Weight of the squares of the joints' velocities at the end, where torques act on them; it
    rises with the time squared (docs/results/trajectories.md). Of a Cartesian action, which is a
    velocity itself, `action` is the weight."""
    metres: float = 0.3
    """What half of the image's shorter side is about, in metres, for weighing feature points."""
    spread: tuple[float, ...] = ()
    """Half-widths along x, y and z, in metres, by which what stands still where a way is shown,
    such as a hook, is put elsewhere in every rollout: one controller learns for all of them. One
    camera hardly tells directions apart that look alike to it."""
    moves: float = 0.02
    """Half-width, in metres, by which things stand elsewhere, such as a block, or the hook that a
    loop is hung on, where `dsae rollout` tests the controllers and `dsae collect` acts by them."""

    def __post_init__(self) -> None:
        positive, some = (1, math.inf), (0, math.inf)
        check_ranges(
            self,
            iterations=positive, rollouts=(2, math.inf), conditions=positive, variance=(1e-6, 1e3),
            bound=some, clusters=positive, kept=positive, way=some, led=some, goal=some,
            action=some, velocity=some, metres=(1e-6, math.inf), moves=some,
        )  # fmt: skip

        if len(self.spread) > 3 or not all(0 <= one < math.inf for one in self.spread):
            raise PolicyError(
                f"spread = {self.spread}: give half-widths of 0 or more along x, y and z, such as "
                "[0, 0.05, 0.05]"
            )

    @property
    def weights(self) -> Weights:
        """Of the cost's terms."""
        return Weights(
            way=self.way, led=self.led, goal=self.goal, action=self.action, velocity=self.velocity
        )
