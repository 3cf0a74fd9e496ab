"""The command line, and a module for each command: its ``main`` takes the parsed arguments and returns the exit code."""
