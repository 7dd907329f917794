"""Texts and replies as nobody would wish for them, for hypothesis."""

from __future__ import annotations

from uuid import UUID

from hypothesis import strategies as st

from graph.conversation.replies import (
    Awaited,
    Block,
    Code,
    CommandChoice,
    DecisionChoice,
    Fact,
    Facts,
    File,
    Kind,
    Link,
    Reply,
    ReplyChoice,
    Table,
    Text,
)
from shared.ids import ApprovalId, UserId

APPROVAL = ApprovalId(UUID(int=7))

FRAGMENTS = [
    "",
    " ",
    "\n",
    "\r\n",
    "\t",
    "\x00",
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;https://example.com\x07here",
    "\u2028",
    "\u200b",
    "\ufeff",
    "\u202eevil\u202c",
    "\u2066\u2067",
    "\u2069\u2069",
    "\ud800",
    "\udfff",
    "דוד המלך",
    "مرحبا 12 بكم",
    "👨‍👩‍👧‍👦",
    "🇩🇪",
    "👍🏽",
    "é",
    "Z" + "\u0351" * 60,
    "漢字かな交じり文",
    "<b>&amp;</b>",
    "*_`[]()~>#+-=|{}.!",
    "@everyone #tag $USD /start",
    "https://example.com/ä?q=1#x",
    "http://localhost:8080",
    "word " * 40,
    "w" * 1500,
    "😀" * 900,
    "ש" * 1200,
    "\n" * 300,
    "line\n" * 200,
]

fragments = st.sampled_from(FRAGMENTS) | st.text(max_size=20)
short_texts = st.lists(fragments, max_size=3).map("".join)
texts = st.lists(fragments, max_size=12).map("".join)
long_texts = st.tuples(fragments, st.integers(1, 100_000)).map(lambda drawn: _repeated(*drawn))
any_text = st.one_of(texts, texts, short_texts, short_texts, long_texts)

urls = st.sampled_from(
    [
        "https://hello.example.com/",
        "http://127.0.0.1:8080/",
        "http://localhost/",
        "https://[::1]/",
        "https://[broken",
        "https://example.com:99999/",
        "javascript:alert(1)",
        "https://user:word@example.com/",
        "https://пример.рф/",
        "https://example.com/" + "a" * 5000,
        "",
    ]
)


def _repeated(fragment: str, size: int) -> str:
    return (fragment * (size // max(len(fragment), 1) + 1))[:size] if fragment else ""


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """A table of any size, whose rows are as long as its header."""
    width = draw(st.integers(0, 25))
    rows = draw(st.lists(st.lists(short_texts, min_size=width, max_size=width), max_size=6))
    columns = draw(st.lists(short_texts, min_size=width, max_size=width))
    rows *= draw(st.sampled_from([1, 1, 1, 100]))
    links = [draw(st.none() | short_texts | st.just("https://example.com/1"))] * draw(
        st.integers(0, len(rows))
    )
    return Table(columns=columns, rows=rows, links=links)


facts = st.builds(Fact, label=short_texts, value=short_texts)
blocks: st.SearchStrategy[Block] = st.one_of(
    st.builds(Text, text=any_text),
    st.builds(Code, text=any_text, title=short_texts),
    st.lists(facts, max_size=6).flatmap(
        lambda some: st.sampled_from([1, 1, 60]).map(lambda n: Facts(facts=some * n))
    ),
    tables(),
    st.builds(Link, url=urls | short_texts, label=short_texts),
    st.builds(File, name=short_texts, content=any_text),
)
choices: st.SearchStrategy[ReplyChoice] = st.one_of(
    st.builds(
        DecisionChoice,
        label=short_texts,
        approval_id=st.just(APPROVAL),
        key=st.sampled_from(["approve", "reject", "cancel", "again"]),
        asks_comment=st.booleans(),
    ),
    st.builds(CommandChoice, label=short_texts, command=short_texts),
)
some_choices = st.lists(choices, max_size=8).flatmap(
    lambda some: st.sampled_from([1, 1, 1, 40]).map(lambda times: some * times)
)
replies = st.builds(
    Reply,
    blocks=st.lists(blocks, max_size=5),
    choices=some_choices,
    kind=st.sampled_from(Kind),
    run_number=st.none() | st.integers(1, 10**9),
    approval_id=st.none() | st.just(APPROVAL),
    awaited=st.none() | st.just(Awaited(approval_id=APPROVAL, key="reject", user_id=UserId("telegram:1"))),
    error=st.none() | st.just("failed"),
    cancelled=st.booleans(),
)
