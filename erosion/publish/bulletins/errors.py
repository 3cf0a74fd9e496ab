"""What keeps a bulletin from being made."""


class BulletinError(RuntimeError):
    """A bulletin cannot be made; the message says what, why and how to mend it."""
