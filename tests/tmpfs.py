"""A small disk, to be filled: a tmpfs of a size that the test chooses."""

from contextlib import contextmanager

from conman_lab import linux


@contextmanager
def small_disk(directory, size):
    """Mount one of `size` bytes at `directory`, for as long as this lasts."""
    directory.mkdir(exist_ok=True, parents=True)
    linux.mount("tmpfs", str(directory), "tmpfs", data=f"size={size}")
    try:
        yield directory
    finally:
        linux.unmount(str(directory))
