"""What can be wrong with the name or the arguments of a task."""


class TaskError(ValueError):
    """One line that says what is wrong and lists what is allowed."""
