"""The database: an own Postgres when none is given, connections to it, and its migrations."""
