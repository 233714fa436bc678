"""The full shape on one machine, from real servers, and what becomes of it when parts of it die."""
