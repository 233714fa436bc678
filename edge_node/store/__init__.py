"""The edge's encrypted store: one SQLCipher database, one writer, many readers (docs/ARCHITECTURE.md, "The edge's store")."""
