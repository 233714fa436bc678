"""The clinic's pages for people: rendered on the server, complete without JavaScript, asking nothing of any other host."""
