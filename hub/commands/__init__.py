"""The commands of `medtech-hub`, one module a subject."""
