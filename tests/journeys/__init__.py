"""The jobs of a midwife, done in a browser at a clinic with a hub: `python -m tests.journeys` takes the pictures of docs/CLINIC.md."""
