"""The scheduled job."""
