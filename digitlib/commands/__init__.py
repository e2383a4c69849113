"""The command line: a module for each command, what they share, and the shell that runs them."""
