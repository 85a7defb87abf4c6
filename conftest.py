"""The plugins of all tests; here, because they serve notebooks/ as well as tests/."""

pytest_plugins = ("tests.session", "tests.notebook_cells")
