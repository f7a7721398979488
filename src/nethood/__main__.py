"""`python -m nethood` is the command `nethood`."""

from nethood.cli import main

if __name__ == "__main__":
    main()
