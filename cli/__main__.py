"""`python -m cli` is `telewright`, with the interpreter that runs already."""

from cli.main import main

main()
