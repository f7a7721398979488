"""What the operating system knows of its users."""

from __future__ import annotations


def system_user_name(uid: int) -> str:
    """Return the operating system's name for *uid*, empty where it has none."""
    try:
        import pwd
    except ImportError:
        return ""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""
