"""Shared numba kernels: the arithmetic that every payload rests on, the same bits on every x86-64."""
