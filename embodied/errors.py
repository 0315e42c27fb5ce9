"""The project's one exception tree: every error is a sentence that carries its own fix.

The commands turn an `EmbodiedError` into one printed sentence and its `exit_code`; anything else
is a defect of ours and keeps its traceback.
"""

from __future__ import annotations


class EmbodiedError(Exception):
    """Something a person can mend. Exit code 1: the task failed."""

    exit_code = 1


class UsageError(EmbodiedError):
    """The request itself is wrong: an instruction, flag, suite entry or file name. Exit code 2."""

    exit_code = 2


class EnvironmentFault(EmbodiedError):
    """The surroundings fail: GL, a model server, a folder that cannot be written. Exit code 3."""

    exit_code = 3
