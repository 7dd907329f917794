"""GitHub Apps: made with a key of their own, and installed for an account."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fakes.github.errors import Json
from tests.fakes.github.records import Account, App, Installation
from tests.fakes.github.world import World


def make_app(
    world: World, owner: Account, slug: str, permissions: dict[str, str], webhook: Json | None
) -> App:
    """Make an app, with a new key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    app = App(
        world.next_id(),
        slug,
        owner,
        world.ensure_account(f"{slug}[bot]", "Bot"),
        private.decode(),
        public.decode(),
        {"metadata": "read", **permissions},
        world.now(),
        webhook or {},
    )
    world.apps[app.id] = app
    return app


def install(world: World, app: App, account: Account) -> Installation:
    """Install an app for all repositories of an account."""
    installation = Installation(world.next_id(), app, account, world.now())
    world.installations[installation.id] = installation
    return installation
