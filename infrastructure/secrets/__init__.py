"""Projects' secrets: handles everywhere, values only in SOPS files and where they are used."""

from infrastructure.secrets.key import KeyLost
from infrastructure.secrets.sops import SecretsDamaged
from infrastructure.secrets.store import Secrets, SecretsFenced, UnknownSecret

__all__ = ["KeyLost", "Secrets", "SecretsDamaged", "SecretsFenced", "UnknownSecret"]
