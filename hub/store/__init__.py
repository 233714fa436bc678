"""What the hub keeps in Postgres: set-based functions on one connection, called inside one transaction.

Locks are taken in one order everywhere: the node, resources by key, then scopes by id. So no two transactions wait for
each other. Functions take an asyncpg connection (`hub.postgres.engine.Connection`) first.
"""
