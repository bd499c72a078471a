"""The tasks: each file holds one `Task` of its own name, its XML lies beside it."""
