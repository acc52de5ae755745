"""The commands, one file per family: each parses, calls and renders."""
