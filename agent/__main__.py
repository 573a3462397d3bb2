"""`python -m agent` is `tidegate`."""

from agent.cli import main

if __name__ == "__main__":
    main()
