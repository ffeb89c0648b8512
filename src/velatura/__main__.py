"""`python -m velatura`."""

from velatura.cli.main import main

main()
