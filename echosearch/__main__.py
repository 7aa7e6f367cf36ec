"""`python -m echosearch`: the command line, where its script is not on PATH."""

from echosearch.cli import main

if __name__ == "__main__":
    main()
