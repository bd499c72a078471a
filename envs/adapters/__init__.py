"""Other people's suites as tasks like ours, one suite a file, found by file name.

`fetch.py` holds the tasks `fetch/...`: `NAMES` lists them, and importing the module imports the
suite and registers `fetch/NAME-v0` with Gymnasium. The extra of the same name installs the suite.
"""
