"""No secret is written down, in whatever form it turns up; and nothing else is lost."""

from __future__ import annotations

import json
import secrets
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.redaction import REMOVED, SHORTEST_KNOWN, Redactor

LETTERS = string.ascii_letters + string.digits
surroundings = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
words = st.text(alphabet=LETTERS, min_size=30, max_size=60)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)


@given(before=surroundings, secret=st.text(min_size=SHORTEST_KNOWN, max_size=60), after=surroundings)
def test_a_registered_value_never_survives(before: str, secret: str, after: str) -> None:
    clean = Redactor([secret]).text(f"{before} {secret} {after}")
    assert secret not in clean.replace(REMOVED, "")


@given(first=words, second=words)
def test_a_value_inside_another_leaves_no_rest(first: str, second: str) -> None:
    redactor = Redactor([first, first + second])
    assert redactor.text(first + second) == REMOVED


def token_forms() -> list[tuple[str, str]]:
    """Every form, as (what is written, what of it is secret)."""
    word = "".join(secrets.choice(LETTERS) for _ in range(40))
    return [
        (f"https://api.telegram.org/bot{1234567}:{word}/getMe", word),
        *(
            (f"remote: ghp_{word}"[:8] + f"{kind}_{word} denied", word)
            for kind in ("ghp", "gho", "ghs", "github_pat")
        ),
        (f"Authorization: Bearer {word}", word),
        (f"authorization: basic {word}==", word),
        (f"postgresql://me:{word}@db:5432/x", word),
        (f"redis://:{word}@cache/0", word),
        (f"https://x-access-token:a@{word}@forge/me/repo.git", word),
        (f"host=db password={word} user=me", word),
        (f"host=db password='{word} {word}' user=me", word),
        (f"AGE-SECRET-KEY-1{word.upper()}", word.upper()),
        (f"sk-proj-{word}", word),
        (f"-----BEGIN RSA PRIVATE KEY-----\n{word}\n-----END RSA PRIVATE KEY-----", word),
        (f"-----BEGIN PRIVATE KEY-----\\n{word}", word),
    ]


@pytest.mark.parametrize(("written", "secret"), token_forms(), ids=[str(number) for number in range(16)])
def test_a_token_is_known_by_its_form(written: str, secret: str) -> None:
    clean = Redactor().text(f"it said: {written}")
    assert secret not in clean
    assert REMOVED in clean


def test_a_url_keeps_what_helps_to_find_the_mistake() -> None:
    clean = Redactor().text(f"cannot reach postgresql://me:{secrets.token_hex()}@db:5432/x?host=%2Frun")
    assert clean == f"cannot reach postgresql://me:{REMOVED}@db:5432/x?host=%2Frun"


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "PGPASSWORD",
        "token",
        "bot_token",
        "GITHUB_TOKEN",
        "api_key",
        "apiKey",
        "Authorization",
        "private-key",
        "client_secret",
        "database_url",
        "Set-Cookie",
        "age.secrets",
    ],
)
def test_a_value_goes_by_the_name_of_its_key_at_any_depth(key: str) -> None:
    value = {"outer": [{"inner": {key: "x", "kept": 1}}]}
    assert Redactor().value(value) == {"outer": [{"inner": {key: REMOVED, "kept": 1}}]}


@pytest.mark.parametrize(
    "key", ["claim_token", "token_count", "tokens_used", "secretary", "passwords_changed"]
)
def test_innocent_keys_keep_their_values(key: str) -> None:
    assert Redactor().value({key: 7}) == {key: 7}


@given(json_values)
def test_what_holds_no_secret_comes_out_as_it_was(value: object) -> None:
    clean = Redactor(["a value nobody generates"]).value(value)
    if REMOVED not in json.dumps(clean):
        assert clean == value


@given(surroundings, words)
def test_redacting_twice_changes_nothing_more(around: str, secret: str) -> None:
    redactor = Redactor([secret])
    once = redactor.text(f"{around}{secret}{around} ghp_{secret} postgresql://me:{secret}@db")
    assert redactor.text(once) == once


def test_a_value_learnt_later_is_left_out_from_then_on() -> None:
    redactor, secret = Redactor(), "correct horse battery"
    assert redactor.text(secret) == secret
    redactor.register(secret)
    assert redactor.text(f"it is {secret}") == f"it is {REMOVED}"


@given(first=words, second=words)
def test_where_lines_are_counted_a_secret_of_several_leaves_as_many(first: str, second: str) -> None:
    key = f"-----BEGIN PRIVATE KEY-----\n{first}\n-----END PRIVATE KEY-----"
    text = f"before\n{key}\n{first}\n{second}\nbearer\n{first}\nafter"

    clean = Redactor([f"{first}\n{second}"]).text(text, lines_kept=True)

    assert clean.count("\n") == text.count("\n")
    assert first not in clean


def test_very_deep_and_strange_values_are_written_as_text_or_not_at_all() -> None:
    deep: object = "x"
    for _ in range(100):
        deep = [deep]
    assert REMOVED in json.dumps(Redactor().value(deep))
    assert Redactor(["hidden-value"]).value({"error": ValueError("hidden-value")}) == {"error": REMOVED}
    assert Redactor().value(b"\xff bytes") == "\ufffd bytes"


@pytest.mark.parametrize("unit", ["a:", "://", "password=", "1", "a", "a.a.", "eyJ-", "bearer ", "password "])
def test_a_long_line_takes_no_time_to_speak_of(unit: str) -> None:
    started = time.process_time()

    Redactor(["some-secret"]).text("eyJ" + unit * 50_000)

    assert time.process_time() - started < 5
