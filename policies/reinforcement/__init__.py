"""What the learners by reinforcement share; the algorithms themselves are Stable-Baselines3's.

Needs the extra `rl`. Only a learner that uses this package imports it.
"""
