"""The clinic's HTTP interface, on real stores."""
