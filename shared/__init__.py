"""The kernel every process stands on."""
