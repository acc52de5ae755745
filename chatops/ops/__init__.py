"""What can be done with a stack that runs: one file per family of commands."""
