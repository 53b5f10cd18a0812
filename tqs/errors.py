"""What a person is told when something cannot be done: one sentence, the value, the expectation, the way out."""


class TqsError(Exception):
    """Expected failure with a message for people; the command line prints it and exits with 1."""


class UsageError(TqsError):
    """A command was called with a word that means nothing to it; the command line exits with 2."""


class SettingsError(TqsError):
    """A setting has a value that cannot be used."""


class RecordsError(TqsError):
    """The database, its schema or a file of records cannot be used."""


class DatabaseDownError(RecordsError):
    """The database does not answer at the moment."""


class UnfitDataError(TqsError):
    """The records do not carry a model: too few rows, one class, a leak."""


class ModelError(TqsError):
    """A model artifact or a version cannot be used."""


class LabBookError(TqsError):
    """MLflow's database or its files cannot be used; what serves does not depend on them."""


class QueryError(TqsError):
    """A question about the records names something that is not there to choose."""


class NotFoundError(TqsError):
    """There is nobody and nothing of that id."""


class ConflictError(TqsError):
    """What is asked for contradicts what is stored."""
