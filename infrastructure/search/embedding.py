"""Vectors of what texts mean, from whatever model makes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shared.errors import Unavailable


class EmbeddingFailed(Unavailable):
    """The embeddings model did not answer as it should."""

    code = "embedding_failed"
    advice = "Look at what MODEL_EMBEDDINGS names; words are searched meanwhile."


class Embedder(Protocol):
    """A model that turns texts into vectors which lie the nearer, the more alike the texts are."""

    @property
    def model(self) -> str:
        """Its name; vectors of different models are never compared."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector for each text, all of the same length.

        Raises:
            EmbeddingFailed: It cannot be reached, or refuses.
        """
        ...

    async def embed_question(self, question: str) -> list[float]:
        """Return the vector of what somebody looks for, to be compared with those of texts.

        Raises:
            EmbeddingFailed: It cannot be reached, or refuses.
        """
        ...
