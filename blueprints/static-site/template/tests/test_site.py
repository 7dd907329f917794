"""Every page is whole, and every link leads somewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from starlette.testclient import TestClient

from server.app import SITE, create_app

PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))


class Page(HTMLParser):
    """What a page consists of, as far as the tests look at it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"href", "src"} and value is not None:
                self.links.append(value)
            if name == "id" and value is not None:
                self.ids.add(value)


@pytest.fixture
def client() -> TestClient:
    return TestClient(create_app())


def test_the_site_has_a_home_page(client: TestClient) -> None:
    answer = client.get("/")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


def test_what_is_missing_is_said_kindly(client: TestClient) -> None:
    answer = client.get("/no-such-page")

    assert answer.status_code == 404
    assert "There is no such page" in answer.text


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_one_title_and_one_heading(client: TestClient, page: str) -> None:
    tags = Page(client.get(f"/{page}").text).tags

    assert tags.count("title") == 1
    assert tags.count("h1") == 1


@pytest.mark.parametrize("page", PAGES)
def test_every_local_link_leads_somewhere(client: TestClient, page: str) -> None:
    for link in Page(client.get(f"/{page}").text).links:
        target = urlsplit(urljoin(f"/{page}", link))
        if target.scheme or target.netloc:
            continue  # elsewhere: tests need no internet
        answer = client.get(target.path)
        assert answer.status_code == 200, f"{page} links to {link}"
        if target.fragment:
            assert target.fragment in Page(answer.text).ids, f"{page} links to {link}"


def test_a_site_with_a_home_page_is_healthy(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok"}


def test_a_site_without_one_is_not(tmp_path: Path) -> None:
    assert TestClient(create_app(tmp_path)).get("/health").status_code == 503


@pytest.mark.parametrize("path", ["/../deploy.yaml", "/%2e%2e/deploy.yaml", "/..%2fdeploy.yaml"])
def test_nothing_outside_the_site_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
