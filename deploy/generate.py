# ruff: noqa: INP001 - a script, not a package
"""Write the generated files of `deploy/`: `python deploy/generate.py`.

A test fails while they differ from what the code gives.
"""

from pathlib import Path

from agent.core.kinds.generated import files


def main() -> None:
    """Write every file below the repository's root."""
    root = Path(__file__).parent.parent
    for name, text in files().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
