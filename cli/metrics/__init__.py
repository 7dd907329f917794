"""Figures for Prometheus: what processes have counted and what the ledgers hold, at one address. Decision 14."""
