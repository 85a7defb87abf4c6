"""One file each: a start, a check, hints; the library is the solution."""
