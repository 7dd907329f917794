"""GitHub's published description of its API: the part of it that the fake serves.

`excerpt.json.xz` is made by `python -m tests.fakes.github.openapi.excerpt` from the npm package
`@octokit/openapi`, which is under the MIT licence; the excerpt says which version.
"""
