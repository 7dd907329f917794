"""Reading code for search: which files are worth it, and into which pieces they are cut."""

from infrastructure.search.cutter import Cut, Cutter
from infrastructure.search.embedding import Embedder, EmbeddingFailed
from infrastructure.search.languages import language_of
from infrastructure.search.model_embedder import ModelEmbedder, embedder_of
from infrastructure.search.skipping import skipped_by_content, skipped_by_name

__all__ = [
    "Cut",
    "Cutter",
    "Embedder",
    "EmbeddingFailed",
    "ModelEmbedder",
    "embedder_of",
    "language_of",
    "skipped_by_content",
    "skipped_by_name",
]
