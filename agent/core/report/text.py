"""Values → YAML and Markdown that say exactly what they are given, whatever is in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from agent.core.report.words import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Plain only what no YAML parser, 1.1 or 1.2, reads as anything but text.
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[./_-][A-Za-z0-9]+)*")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan"})
_WIDTH: Final = 1_000_000
"""Never fold: a folded line is a harder diff."""

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#|~!&@$^=]|:(?=//))")


class _Dumper(yaml.CSafeDumper):
    """Quotes every text that some parser could take for something else."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library's signature
        return True


def _text(dumper: yaml.CSafeDumper, value: str) -> yaml.ScalarNode:
    plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain else '"')


_Dumper.add_representer(str, _text)


def yaml_of(value: Any) -> str:
    """Return YAML with sorted keys, one value per line."""
    dumped = yaml.dump(value, None, _Dumper, allow_unicode=True, width=_WIDTH, sort_keys=True)
    return str(dumped)


def escaped(text: str) -> str:
    """Return text for one cell or line of Markdown: no markup, no link, no new line.

    Control characters go; a backslash before punctuation is itself invisible (CommonMark 2.4).
    """
    return _SPECIAL.sub(r"\\\1", plain(text))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table; cells are already escaped."""
    lines = [_row(head), _row(["---"] * len(head))]
    return [*lines, *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
