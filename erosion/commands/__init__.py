"""Commands of the command line, a module each: ``main`` takes the parsed arguments and returns the exit code."""
