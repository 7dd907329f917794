from html import escape

from starlette.testclient import TestClient

from service import about


def test_the_page_says_what_the_service_is(client: TestClient) -> None:
    answer = client.get("/")

    assert answer.status_code == 200
    assert f"<h1>{about.NAME}</h1>" in answer.text
    assert escape(about.DESCRIPTION) in answer.text


def test_markup_in_a_note_is_shown_and_not_obeyed(client: TestClient) -> None:
    client.post("/notes", json={"text": "<script>alert(1)</script>"})

    page = client.get("/").text

    assert "<script>" not in page
    assert "&lt;script&gt;" in page
