"""Redis, a single server or a cluster: fast, shared by processes, and believed in nothing that another place does not say too."""
