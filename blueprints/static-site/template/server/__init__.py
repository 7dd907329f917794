"""The server of the site's pages."""
