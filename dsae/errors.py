"""What a person can mend; every message is one line that says what is wrong and what is allowed."""


class DsaeError(ValueError):
    """Base of all errors that say what to change."""


class EncoderError(DsaeError):
    """An encoder's name, setting or image size that does not exist or fit."""


class CheckpointError(DsaeError):
    """A file that cannot be read as what it should be."""


class TrainingError(DsaeError):
    """Training cannot start or go on."""
