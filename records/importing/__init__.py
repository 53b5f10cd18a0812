"""Files of tutors, students and sessions into the database: good rows by set-based upserts, bad rows to the rejects."""

from records.importing.rejects import RejectedRow, list_rejects
from records.importing.run import ImportResult, import_files

__all__ = ["ImportResult", "RejectedRow", "import_files", "list_rejects"]
