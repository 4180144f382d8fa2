"""Executes a plan: run directory, head, workers' steps."""
