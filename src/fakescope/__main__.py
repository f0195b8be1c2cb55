"""`python -m fakescope`: the same as the installed command."""

from fakescope.cli.main import main

if __name__ == "__main__":
    main()
