"""Why a data directory cannot be opened: met at start, and `str()` of each is a sentence for the operator.

- DataDirectoryError
- DataDirectoryError > DataDirectoryUnusable: cannot be made, written or used for SQLite's WAL mode
- DataDirectoryError > DataDirectoryInUse: another process serves from it
- DataDirectoryError > DatabaseUnreadable: the file in it is damaged, or is not ours
- DataDirectoryError > SchemaTooNew: the file in it was written by a newer version
"""

from __future__ import annotations

from pathlib import Path


class DataDirectoryError(Exception):
    """The data directory cannot be opened."""


class DataDirectoryUnusable(DataDirectoryError):
    """The directory cannot be made, or not be written to."""

    def __init__(self, directory: Path, cause: object) -> None:
        """See the class; ``cause`` is what the operating system or SQLite said."""
        super().__init__(f"The data directory {directory} cannot be used: {cause}.")


class DataDirectoryInUse(DataDirectoryError):
    """Another process (or another store of this one) has the directory open."""

    def __init__(self, directory: Path) -> None:
        """See the class."""
        super().__init__(
            f"The data directory {directory} is in use by another process of this service. "
            "Stop that one first, or give each its own directory."
        )


class DatabaseUnreadable(DataDirectoryError):
    """The database file is damaged, or belongs to something else. It was not changed."""

    def __init__(self, file: Path, cause: object) -> None:
        """See the class; ``cause`` is what is wrong with it."""
        super().__init__(
            f"The database {file} cannot be read: {cause}. "
            "Restore it from a backup, or move it away to start with no rooms."
        )


class SchemaTooNew(DataDirectoryError):
    """The database has a schema that this version does not know. It was not changed."""

    def __init__(self, file: Path, found: int, known: int) -> None:
        """See the class; both are schema numbers."""
        super().__init__(
            f"The database {file} was written by a newer version of this service "
            f"(schema {found}; this version knows {known}). Start that version, or use another directory."
        )
        self.found = found
        self.known = known
