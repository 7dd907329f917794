"""Embeddings by the model that MODEL_EMBEDDINGS names, whoever provides it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from infrastructure.search.embedding import Embedder, EmbeddingFailed
from shared.reasons import reason_of
from shared.redaction import Redactor
from shared.settings import Settings

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

ROLE: Final = "embeddings"
"""The role of MODEL_<ROLE>; no other model is taken instead, since one that chats makes no vectors."""

_LIMIT_S: Final = 60.0
"""How long a model may take for some texts, with its client's own retries."""

_REASON: Final = 300

Answer = TypeVar("Answer")


def embedder_of(settings: Settings) -> Embedder | None:
    """Return the embedder that is configured, if one is."""
    model = settings.role_models.get(ROLE)
    return ModelEmbedder(model, settings) if model else None


class ModelEmbedder:
    """LangChain's embeddings of a provider, loaded when they are first needed: that takes seconds."""

    def __init__(self, model: str, settings: Settings, *, limit_s: float = _LIMIT_S) -> None:
        """Make it; nothing is asked yet.

        Args:
            model: `provider:model`, as LangChain's `init_embeddings` takes it.
            settings: Where a server that speaks OpenAI's protocol is, and its key.
            limit_s: Seconds that one call may take.
        """
        self.model = model
        self._settings = settings
        self._limit_s = limit_s
        key = settings.openai_api_key
        self._redactor = Redactor([key.get_secret_value()] if key else [])
        self._loading = asyncio.Lock()
        self._embeddings: Embeddings | None = None

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """See `Embedder.embed`."""
        embeddings = await self._loaded()
        return _checked(await self._asked(embeddings.aembed_documents(list(texts))), len(texts))

    async def embed_question(self, question: str) -> list[float]:
        """See `Embedder.embed_question`."""
        embeddings = await self._loaded()
        return _checked([await self._asked(embeddings.aembed_query(question))], 1)[0]

    async def _loaded(self) -> Embeddings:
        async with self._loading:
            if self._embeddings is None:
                # In a thread, since half a process is imported.
                self._embeddings = await self._asked(asyncio.to_thread(self._load))
            return self._embeddings

    def _load(self) -> Embeddings:
        from langchain.embeddings import init_embeddings

        return init_embeddings(self.model, **self._parameters())

    def _parameters(self) -> dict[str, Any]:
        """Return what a provider is not told by its own variables."""
        if not self.model.startswith("openai:"):
            return {}
        return {
            "base_url": self._settings.openai_base_url,
            "api_key": self._settings.openai_api_key,
            # Else a table of tokens is fetched from the network, to cut what is short enough anyhow.
            "check_embedding_ctx_length": False,
        }

    async def _asked(self, asking: Awaitable[Answer]) -> Answer:
        """Return what comes of asking a model.

        Raises:
            EmbeddingFailed: Nothing does, for whatever reason its provider's library has.
        """
        try:
            async with asyncio.timeout(self._limit_s):
                return await asking
        except TimeoutError:
            raise EmbeddingFailed(f"{self.model} did not answer within {self._limit_s:.0f} s.") from None
        except Exception as error:
            reason = self._redactor.text(reason_of(error))[:_REASON]
            raise EmbeddingFailed(f"{self.model} made no vectors: {reason}") from error


def _checked(vectors: Sequence[Sequence[float]], wanted: int) -> list[list[float]]:
    """Return vectors that can be compared.

    Raises:
        EmbeddingFailed: These cannot.
    """
    lengths = {len(vector) for vector in vectors}
    if len(vectors) != wanted or len(lengths) > 1 or 0 in lengths:
        raise EmbeddingFailed(
            "The embeddings model did not make one vector for each text, all of one length."
        )
    if not all(math.isfinite(number) for vector in vectors for number in vector):
        raise EmbeddingFailed("The embeddings model made vectors of what is no number.")
    return [list(vector) for vector in vectors]
