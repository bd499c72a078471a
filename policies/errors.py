"""What can be wrong with what a learner is given."""


class PolicyError(ValueError):
    """One line that says what does not fit and what is allowed."""
