"""`python -m automation`: the same as the command `automation`."""

from automation.cli.main import main

if __name__ == "__main__":
    main()
