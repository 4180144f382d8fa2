"""The event log of a run: written by the head, folded into a state by everyone else."""
