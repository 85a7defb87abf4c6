"""The plugins of all tests; here, because they serve notebooks/ as well as tests/."""

pytest_plugins = tuple(
    f"tests.{name}" for name in "notebook_cells workers session unchanged".split()
)
