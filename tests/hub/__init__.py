"""The hub, on the real Postgres that it brings along."""
