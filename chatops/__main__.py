"""`python -m chatops`."""

from .cli import main

main()
