"""The exchange between real stores and a real hub, over HTTP."""
