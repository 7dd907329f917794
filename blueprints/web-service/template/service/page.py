"""The page at /."""

from __future__ import annotations

from html import escape

from service import about
from service.notes import Note

PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{name}</title>
  <style>
    body {{ font: 1.1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem;
           color-scheme: light dark; }}
    .description {{ white-space: pre-line; }}
  </style>
</head>
<body>
  <h1>{name}</h1>
  <p class="description" dir="auto">{description}</p>
  <h2>Notes</h2>
  {notes}
  <p><a href="docs">API</a> · <a href="health">Health</a></p>
</body>
</html>
"""


def home(notes: list[Note]) -> str:
    """Return the page with the newest notes."""
    lines = "".join(f'<li dir="auto">{escape(note.text)}</li>' for note in notes)
    return PAGE.format(
        name=escape(about.NAME),
        description=escape(about.DESCRIPTION),
        notes=f"<ul>{lines}</ul>" if notes else "<p>None yet: POST one to <code>/notes</code>.</p>",
    )
