"""What is said of a model file that is not loaded."""

_LONGEST_REASON = 150  # characters: names in the file may be long


class ModelError(ValueError):
    """A model file that is not loaded; the message names it and says why."""


def refuse(path, reason):
    """The error for what a stranger could have made for harm.

    Args:
        path: the file.
        reason: a str, how the file differs from any digit reader's; cut if it is long, and what
            cannot be printed becomes a question mark.

    Returns:
        A `ModelError`, to be raised.
    """
    reason = "".join(letter if letter.isprintable() else "?" for letter in reason)
    if len(reason) > _LONGEST_REASON:
        reason = f"{reason[:_LONGEST_REASON]}…"
    return ModelError(f"{path} is refused for safety: {reason}.")
