"""Whole simulated worlds from one seed: real stores, real exchange, every fault that a network, a disk or a clock can have."""
