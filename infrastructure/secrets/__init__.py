"""Projects' secrets: handles everywhere, values only in SOPS files and where they are used."""

from infrastructure.secrets.store import KeyLost, Secrets, UnknownSecret

__all__ = ["KeyLost", "Secrets", "UnknownSecret"]
