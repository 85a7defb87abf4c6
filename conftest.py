"""The plugins of all tests; here, because they serve notebooks/ as well as tests/."""

pytest_plugins = ("tests.notebook_cells", "tests.session")
