"""The meaning of MedTech Edge's data and its exchange: registers, resources, frames, digests, state machines.

Nothing here does input or output, reads a clock, draws randomness or keeps global state; those are arguments.
"""
