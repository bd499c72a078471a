"""The `dsae` command: one verb a file, the only place where the rooms meet.

A verb is a module with a docstring (what it does, an example), a frozen dataclass `Options`
whose fields become flags and YAML keys, and `run(options)`, which returns the exit status.
"""
