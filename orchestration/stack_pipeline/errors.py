"""Errors that a user can mend. Code raises them as plain exceptions; Dagster's steps turn them into one clear failure."""


class UserError(Exception):
    """What failed and where (`message`), and what to do about it (`remedy`). Shown without a stack trace."""

    def __init__(self, message: str, remedy: str, **details: str) -> None:
        super().__init__(f"{message}\n→ {remedy}")
        self.message = message
        self.remedy = remedy
        self.details = details
