"""What can go wrong, in classes that a caller can act on; each has the program's exit code as `code`."""


class Error(Exception):
    """Everything that ddim reports. The message says what was wrong, what was found, and what to do."""

    code = 70


class RequestError(Error, ValueError):
    """An impossible request: an option, a size, a file that exists already."""

    code = 1


class NumericError(Error, ArithmeticError):
    """NaN or infinity in weights, activations or gradients."""

    code = 3


class CorruptError(Error):
    """A file that is not what it claims to be."""

    code = 4


class FileError(Error, OSError):
    """The system refused to read or write."""

    code = 5


class InternalError(Error):
    """A defect of ddim; please report it."""

    code = 70


class Interrupted(Error):
    """The run was asked to stop."""

    code = 130


BY_CODE = {1: RequestError, 2: RequestError, 3: NumericError, 4: CorruptError, 5: FileError, 70: InternalError, 130: Interrupted}
