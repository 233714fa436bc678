"""The schema's history: one module a change in `versions/`, named by its revision, forward only."""
