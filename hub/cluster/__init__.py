"""The full shape on one machine: shards with standbys, a PgBouncer before each server, a Redis Cluster, hub processes."""
