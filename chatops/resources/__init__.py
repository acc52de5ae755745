"""The kinds of AWS things that a stack is made of, one per file."""
