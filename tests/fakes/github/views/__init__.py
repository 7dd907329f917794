"""Things as GitHub's API shows them."""
