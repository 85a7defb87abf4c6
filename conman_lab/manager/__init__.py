"""Many shims, one memory: the life of containers on one host."""
