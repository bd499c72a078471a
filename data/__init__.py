"""Episodes of robot video: collect, store, read windows, convert from other formats."""
