"""Replies for the tests of the terminal: usual ones, and whatever hypothesis can think of."""

from __future__ import annotations

import uuid

from hypothesis import strategies as st

from graph.conversation.replies import (
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
from shared.ids import ApprovalId

APPROVAL = ApprovalId(uuid.UUID(int=7))

QUESTION = Reply(
    kind=Kind.QUESTION,
    run_number=3,
    approval_id=APPROVAL,
    blocks=[
        Text(text="Create hello from the blueprint web-service?"),
        Facts(
            facts=[
                Fact(label="Project", value="hello"),
                Fact(label="Blueprint", value="web-service"),
                Fact(label="Repository", value="a local bare repository under the home of this installation"),
                Fact(label="Server", value="local"),
            ]
        ),
    ],
    choices=[
        DecisionChoice(label="Approve", approval_id=APPROVAL, key="approve"),
        DecisionChoice(label="Reject with a comment", approval_id=APPROVAL, key="reject", asks_comment=True),
    ],
)

RUNS = Reply(
    blocks=[
        Text(text="The newest runs:"),
        Table(
            columns=["Run", "What", "Status", "Started"],
            rows=[
                ["12", "Create hello", "waiting for you", "2 minutes ago"],
                ["11", "Deploy a-rather-long-project-name", "succeeded", "yesterday"],
            ],
        ),
    ],
    choices=[CommandChoice(label="See what waits for you", command="/approvals")],
)

ISSUES = Reply(
    blocks=[
        Text(text="The newest 2 open issues of shop, and 7 more are open:"),
        Table(
            columns=["issue", "title", "labels", "opened"],
            rows=[
                ["#12", "It breaks", "bug, good first issue", "3 min ago by bob"],
                ["#9", "תקלה בקופה", "", "2 days ago by dana"],
            ],
            links=["https://example.com/ann/shop/issues/12", "https://example.com/ann/shop/issues/9"],
        ),
        Link(url="https://example.com/ann/shop/issues", label="All open issues"),
    ],
)

FAILED_TESTS = Reply(
    kind=Kind.RESULT,
    run_number=4,
    error="tests_failed",
    blocks=[
        Text(text="The tests of hello failed; nothing was published."),
        Code(
            title="pytest",
            text="\n".join(
                [
                    "tests/test_health.py::test_the_service_says_that_it_is_well FAILED",
                    *(f"    line {number} of the traceback" for number in range(1, 90)),
                    "1 failed in 0.31s",
                ]
            ),
        ),
    ],
)

DEPLOYED = Reply(
    kind=Kind.RESULT,
    run_number=3,
    blocks=[
        Text(text="hello runs."),
        Link(url="http://hello.localhost:8443/", label="Open"),
        File(name="notes.txt", content="Release 1\nCommit 0a1b2c3\n"),
    ],
)

HOSTILE = Reply(
    kind=Kind.NOTICE,
    blocks=[
        Text(text="title\x1b]0;owned\x07 colour \x1b[31mred\x1b[0m bell\x07 back\x08space"),
        Text(
            text="turned \u202egnp.exe\u202c, שלום עולם, مرحبا بالعالم, towers H\u0301\u0302\u0303\u0304\u0305!"
        ),
        Code(title="log\nwith a second line", text="50%\r100%\r\n\tindented\x9b2J done"),
        Link(url="https://example.org/" + "long/" * 20, label="wide 漢字 and 👩‍💻"),
        Facts(facts=[Fact(label="[bold]markup[/bold]", value="{is} content :smile:")]),
    ],
)

USUAL = {
    "question": QUESTION,
    "runs": RUNS,
    "issues": ISSUES,
    "failed-tests": FAILED_TESTS,
    "deployed": DEPLOYED,
    "hostile": HOSTILE,
}

_texts = st.one_of(
    st.text(max_size=60),
    st.text(st.characters(codec="utf-8"), max_size=200),
    st.text(
        st.sampled_from("\x1b[]0;31m\x07\x9b\x9c\r\n\tab אب漢👩\u200d\u202e\u2066\u0301\\PX_^"), max_size=40
    ),
)
_lists = st.lists(_texts, max_size=5)
_blocks: st.SearchStrategy[Block] = st.one_of(
    st.builds(Text, text=_texts),
    st.builds(Code, text=_texts, title=_texts),
    st.builds(Facts, facts=st.lists(st.builds(Fact, label=_texts, value=_texts), max_size=4)),
    st.builds(
        Table,
        columns=_lists,
        rows=st.lists(_lists, max_size=4),
        links=st.lists(st.none() | _texts, max_size=5),
    ),
    st.builds(Link, url=_texts, label=_texts),
    st.builds(File, name=_texts, content=_texts),
)
_choices: st.SearchStrategy[ReplyChoice] = st.one_of(
    st.builds(
        DecisionChoice, label=_texts, approval_id=st.just(APPROVAL), key=_texts, asks_comment=st.booleans()
    ),
    st.builds(CommandChoice, label=_texts, command=_texts),
)
texts = _texts
replies = st.builds(
    Reply,
    blocks=st.lists(_blocks, max_size=5),
    choices=st.lists(_choices, max_size=4),
    kind=st.sampled_from(Kind),
    run_number=st.none() | st.integers(1, 9999),
    error=st.none() | st.just("some_code"),
)
