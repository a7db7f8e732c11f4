"""Errors that a user can act on.

Everything that can go wrong because of what a user brought (a file, a folder, a setting) raises
`AudioplaneError` with one line that says what happened and what to do. The command line prints
that line and exits 1; any other exception is a defect of ours.
"""


class AudioplaneError(Exception):
    """What happened and what to do about it, in one line."""


class MediaError(AudioplaneError):
    """A file cannot be written, or a video, sound or image cannot be read."""


class ModelError(AudioplaneError):
    """A model file of other people is missing or damaged, or cannot be downloaded."""


class SubjectError(AudioplaneError):
    """A subject folder is missing something, damaged, or of another format version."""


class PrepareError(AudioplaneError):
    """A video cannot be made into a subject."""


class SpeechError(AudioplaneError):
    """Speech features cannot be computed or loaded."""


class TrainingError(AudioplaneError):
    """Training cannot start or had to stop."""


class CheckpointError(AudioplaneError):
    """A checkpoint is missing, damaged or of another format version."""


class ComparisonError(AudioplaneError):
    """Videos cannot be compared with each other."""


class DeviceError(AudioplaneError):
    """A device cannot be used here: what drives it is not installed."""


class ServeError(AudioplaneError):
    """The server cannot start, or what a client asked for cannot be done."""


class InstallError(AudioplaneError):
    """Something that everything needs is not installed."""


class CredentialsError(AudioplaneError):
    """A mark, credentials or the consent to them cannot be made or read."""
