"""Files at the hub: how they rest, come, are read and are erased."""
