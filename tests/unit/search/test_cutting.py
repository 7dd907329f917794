"""Files are cut where a person would point: at symbols, at headings, else at lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.search.cutting import cut
from infrastructure.search.languages import SYMBOLS, language_of
from infrastructure.search.lines import MOST_LINES
from shared.ledger.chunks import Kind


def places(language: str, content: str) -> list[tuple[str, int, int]]:
    return [(chunk.symbol, chunk.first_line, chunk.last_line) for chunk in cut(language, content.encode())]


def test_python_is_cut_at_functions_and_what_is_between_them_stays() -> None:
    source = "import os\n\n\n@cached\ndef first():\n    return 1\n\n\nLIMIT = 3\n\n\nasync def second():\n    return 2\n"

    assert places("python", source) == [("", 1, 3), ("first", 4, 6), ("", 7, 11), ("second", 12, 13)]


def test_a_small_class_stays_whole_and_a_large_one_is_cut_at_its_methods() -> None:
    small = "class Small:\n    def one(self): ...\n    def two(self): ...\n"
    body = "".join(f"        x{number} = {number}\n" for number in range(12))
    large = f"class Large(Base):\n    kind = 1\n\n    def one(self):\n{body}\n    def two(self):\n{body}"

    assert places("python", small) == [("Small", 1, 3)]
    assert places("python", large) == [("Large", 1, 3), ("Large.one", 4, 16), ("Large.two", 18, 30)]


def test_a_long_function_is_divided_at_a_blank_line_and_keeps_its_name() -> None:
    lines = ["def long():", *(f"    step_{number}()" for number in range(100))]
    lines[50] = ""

    assert places("python", "\n".join(lines)) == [("long", 1, 51), ("long", 52, 101)]


@pytest.mark.parametrize(
    ("language", "source", "symbol"),
    [
        ("bash", "start() {\n  echo\n}\n", "start"),
        ("c", "static int *find(int key)\n{\n  return 0;\n}\n", "find"),
        ("cpp", "void Server::start() {\n}\n", "Server::start"),
        ("csharp", "class Order {\n void Pay() {}\n}\n", "Order"),
        ("go", "func (s *Server) Start() error {\n return nil\n}\n", "Start"),
        ("java", "class Order {\n void pay() {}\n}\n", "Order"),
        ("javascript", "const pay = (order) => {\n  return 1\n}\n", "pay"),
        ("kotlin", "fun pay() {\n}\n", "pay"),
        ("lua", "function pay()\nend\n", "pay"),
        ("php", "<?php function pay() {\n}\n", "pay"),
        ("ruby", "def pay\nend\n", "pay"),
        ("rust", "impl Pay for Order {\n fn pay(&self) {}\n}\n", "Order"),
        ("scala", "object Order {\n}\n", "Order"),
        ("sql", "CREATE TABLE orders (\n  id INT\n);\n", "orders"),
        ("swift", "func pay() {\n}\n", "pay"),
        ("tsx", "export function Page() {\n  return <p/>\n}\n", "Page"),
        ("typescript", "export interface Order {\n  id: string\n}\n", "Order"),
    ],
)
def test_each_language_names_its_symbols(language: str, source: str, symbol: str) -> None:
    assert symbol in {name for name, _, _ in places(language, source)}


def test_the_languages_with_symbols_are_those_that_are_tested() -> None:
    assert len(SYMBOLS) == 18


def test_a_comment_above_a_symbol_belongs_to_it_and_one_behind_other_code_does_not() -> None:
    source = "var limit = 3 // of all\n// Start begins.\n// It waits.\nfunc Start() {\n}\n"

    assert places("go", f"package main\n{source}") == [("", 1, 2), ("Start", 3, 6)]


def test_markdown_is_cut_at_headings_but_not_at_comments_in_its_code() -> None:
    page = "Before\n\n# Setup\nText\n```sh\n# a comment\n```\n## Database\nMore\n\nUsage\n=====\nLast\n"

    assert places("markdown", page) == [
        ("", 1, 2),
        ("Setup", 3, 7),
        ("Setup > Database", 8, 10),
        ("Usage", 11, 13),
    ]
    assert places("markdown", "Title\n=====\nText\n\nPart\n----\nMore\n") == [
        ("Title", 1, 4),
        ("Title > Part", 5, 7),
    ]
    assert {chunk.kind for chunk in cut("markdown", page.encode())} == {Kind.PROSE}


def test_what_has_no_letter_is_no_chunk() -> None:
    assert cut("json", b"{\n}\n") == []


@given(
    language=st.sampled_from(["", "python", "markdown", "typescript", "go"]),
    content=st.one_of(
        st.binary(max_size=400),
        st.lists(
            st.sampled_from(
                ["def f():", "    x = 1", "class A:", "", "# Title", "```", "}", "func f() {", "===="]
            ),
            max_size=150,
        ).map(lambda lines: "\n".join(lines).encode()),
    ),
)
def test_every_line_with_a_word_is_in_exactly_one_chunk_in_order(language: str, content: bytes) -> None:
    chunks = cut(language, content)
    lines = [line.rstrip("\r") for line in content.decode(errors="replace").split("\n")]

    numbers = [number for chunk in chunks for number in range(chunk.first_line, chunk.last_line + 1)]
    assert numbers == sorted(set(numbers))
    left_out = set(range(1, len(lines) + 1)) - set(numbers)
    assert not any(letter.isalnum() for number in left_out for letter in lines[number - 1])
    for chunk in chunks:
        assert chunk.content == "\n".join(lines[chunk.first_line - 1 : chunk.last_line])
        assert chunk.last_line - chunk.first_line < MOST_LINES


@pytest.mark.parametrize(
    ("path", "language"),
    [("a/b.py", "python"), ("Dockerfile", "dockerfile"), ("x/README", "text"), ("a.b/c", ""), ("A.MD", "markdown")],
)  # fmt: skip
def test_a_files_name_promises_its_language(path: str, language: str) -> None:
    assert language_of(path) == language
