"""What this package says when data is missing, damaged or of the wrong kind."""


class DataError(ValueError):
    """A one-line message that says what is wrong with the data and what to do about it."""


class DamagedFileError(DataError):
    """A file of ours that was cut short or altered; making it again is safe."""
