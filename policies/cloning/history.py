"""The last few states: which they were at each step of the demonstrations, and while acting."""

import numpy as np


def windows(episodes: np.ndarray, history: int) -> np.ndarray:
    """Return which steps are the last `history` ones at each step, int (N, history), oldest first.

    `episodes` (N,) is the number of each step's episode, whose steps follow each other. At an
    episode's beginning its first step stands in for those before it.
    """
    steps = np.arange(len(episodes))
    begins = np.r_[True, episodes[1:] != episodes[:-1]]
    first = np.maximum.accumulate(np.where(begins, steps, 0))  # of each step's episode
    back = np.arange(history - 1, -1, -1)
    return np.maximum(steps[:, None] - back, first[:, None])


class Recent:
    """The last `history` states of N environments since the last reset."""

    def __init__(self, history: int) -> None:
        self._history = history
        self._states: np.ndarray | None = None

    def reset(self) -> None:
        """Forget them: an episode begins."""
        self._states = None

    def push(self, states: np.ndarray) -> np.ndarray:
        """Take in the next states (N, D) and return the last ones, (N, history, D), oldest first.

        The first ones stand in for those before them.
        """
        newest = states[:, None]
        if self._history == 1:
            return newest
        if self._states is None:
            self._states = np.repeat(newest, self._history, axis=1)
        self._states = np.concatenate([self._states[:, 1:], newest], axis=1)
        return self._states
