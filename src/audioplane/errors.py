"""Errors that a user can act on.

Everything that can fail because of a user's input (a file, a folder, a setting) raises
`AudioplaneError` with one line that says what is wrong and what to do. The command line prints
that line and exits with 1; any other exception is a defect of audioplane.
"""


class AudioplaneError(Exception):
    """What is wrong and what to do about it, in one line."""


class MediaError(AudioplaneError):
    """A file cannot be written, or a video, sound or image cannot be read."""


class ModelError(AudioplaneError):
    """A model file of other people is missing or damaged, or cannot be downloaded."""


class SubjectError(AudioplaneError):
    """A subject folder is missing something, damaged, or of another format version."""


class PoseError(AudioplaneError):
    """A table of poses cannot be read, or a head cannot take it."""


class PrepareError(AudioplaneError):
    """A video cannot be made into a subject."""


class SpeechError(AudioplaneError):
    """Speech features cannot be computed or loaded."""


class TrainingError(AudioplaneError):
    """Training cannot start or had to stop."""


class ExpressionError(AudioplaneError):
    """A table of expressions cannot be used, or a head cannot take one."""


class CheckpointError(AudioplaneError):
    """A checkpoint is missing, damaged or of another format version."""


class ComparisonError(AudioplaneError):
    """Videos cannot be compared with each other."""


class DeviceError(AudioplaneError):
    """A device cannot be used here: its library is not installed."""


class ServeError(AudioplaneError):
    """The server cannot start, or a client's request cannot be fulfilled."""


class WorkError(AudioplaneError):
    """Work in another process or on another machine failed or was lost."""


class FleetError(AudioplaneError):
    """A manifest or the settings of a fleet are wrong."""


class StoreError(AudioplaneError):
    """A store cannot be reached, read or written; trying again may help."""


class InstallError(AudioplaneError):
    """A required library is not installed."""


class CredentialsError(AudioplaneError):
    """A mark, credentials or the consent to them cannot be made or read."""
