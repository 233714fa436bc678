"""The hub over HTTP: one module for each kind of caller."""
