"""The error of a decision that is refused, in words for staff."""

from __future__ import annotations

from typing import Any

from erosion.words import translate


class RefusedError(RuntimeError):
    """A decision was refused and nothing recorded; the text says what, why and what to do instead.

    Parameters
    ----------
    key
        Reason, ``refused.{key}`` of the catalogues.
    values
        What its placeholders stand for; ``role``, ``roles`` and ``action`` are given as words of the vocabulary.
    """

    def __init__(self, key: str, **values: Any) -> None:
        self.key, self.values = key, values
        super().__init__(self.text("en"))

    def text(self, language: str) -> str:
        """Return the reason in a language."""
        written = dict(self.values)
        if "role" in written:
            written["role"] = translate(language, f"role.{written['role']}")
        if "roles" in written:
            written["roles"] = ", ".join(translate(language, f"role.{role}") for role in written["roles"])
        if "action" in written:
            written["action"] = translate(language, f"action.{written['action']}")
        return translate(language, f"refused.{self.key}", **written)
