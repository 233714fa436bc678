"""Photos and scanned documents of a record: what is kept of a file, in which parts, and how it is put together again. Pure."""
