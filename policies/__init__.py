"""Learners on learned states: encoders inside Gymnasium environments, cloning, evaluation."""
