"""Why a step cannot be done, with a code that the control side knows."""

from __future__ import annotations


class Refused(Exception):
    """A step cannot be done."""

    def __init__(self, message: str, *, code: str = "deployment_failed") -> None:
        """Make it.

        Args:
            message: One line for people.
            code: The stable code of the error that is raised on the control side.
        """
        super().__init__(message)
        self.message = message
        self.code = code
