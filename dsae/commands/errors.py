"""What a person did wrong, told in one line."""


class UsageError(ValueError):
    """Bad input; the message says what is wrong and what is allowed. Ends with exit status 2."""
