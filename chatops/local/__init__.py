"""The local AWS: the same stack, through the same code, without an account."""
