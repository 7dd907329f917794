"""Embeddings over HTTP, by the client of their provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import pytest

from infrastructure.search import EmbeddingFailed, ModelEmbedder, embedder_of
from shared.settings import Settings
from tests.fakes.openai import FakeOpenAI

pytestmark = pytest.mark.timeout(60)

MODEL = "openai:text-embedding-3-small"


@pytest.fixture
async def openai() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(topics=[["greet", "salute"], ["pay"]]) as openai:
        yield openai


@pytest.fixture
def settings(openai: FakeOpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("MODEL_EMBEDDINGS", MODEL)
    monkeypatch.setenv("OPENAI_BASE_URL", openai.url)
    monkeypatch.setenv("OPENAI_API_KEY", openai.key)
    monkeypatch.setenv("TELEWRIGHT_HOME", str(tmp_path))
    return Settings.load(dotenv=None)


async def test_texts_and_questions_become_vectors_that_can_be_compared(
    settings: Settings, openai: FakeOpenAI
) -> None:
    embedder = embedder_of(settings)
    assert embedder is not None

    texts = await embedder.embed(["def greet(): ...", "def pay(): ..."])
    question = await embedder.embed_question("where do we salute?")

    assert embedder.model == MODEL
    assert [[round(number, 2) for number in vector] for vector in texts] == [[0.01, 1, 0], [0.01, 0, 1]]
    assert [round(number, 2) for number in question] == [0.01, 1, 0]
    assert {asked["model"] for asked in openai.asked} == {"text-embedding-3-small"}


async def test_what_passes_is_tried_again(settings: Settings, openai: FakeOpenAI) -> None:
    openai.faults.extend([HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS])

    assert len(await ModelEmbedder(MODEL, settings).embed(["one"])) == 1
    assert len(openai.asked) == 3


async def test_a_wrong_key_is_told_and_not_shown(settings: Settings, openai: FakeOpenAI) -> None:
    given, openai.key = openai.key, "another"

    with pytest.raises(EmbeddingFailed, match="Incorrect API key") as failure:
        await ModelEmbedder(MODEL, settings).embed(["one"])
    assert given not in failure.value.message


async def test_a_model_that_does_not_answer_is_given_up(settings: Settings, openai: FakeOpenAI) -> None:
    embedder = ModelEmbedder(MODEL, settings, limit_s=10)
    await embedder.embed(["what takes its time is loaded"])
    openai.silent = True

    embedder = ModelEmbedder(MODEL, settings, limit_s=0.5)
    with pytest.raises(EmbeddingFailed, match="did not answer within"):
        await embedder.embed(["one"])


async def test_vectors_that_are_missing_are_no_vectors(settings: Settings, openai: FakeOpenAI) -> None:
    openai.broken = True

    with pytest.raises(EmbeddingFailed):
        await ModelEmbedder(MODEL, settings).embed(["one", "two"])


@pytest.mark.parametrize("model", ["nobody:knows", "cohere:embed-english-v3.0"])
async def test_a_provider_that_is_not_installed_is_named(settings: Settings, model: str) -> None:
    with pytest.raises(EmbeddingFailed, match=model.partition(":")[0]):
        await ModelEmbedder(model, settings).embed(["one"])
