"""PowerShell read by a real grammar: what it can't read, and which commands are called how."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_powershell.language()))


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


def faults(script: str) -> list[str]:
    """Return where *script* is not PowerShell: "row: text"."""
    tree = _parser().parse(script.encode())
    bad = [n for n in _walk(tree.root_node) if n.type == "ERROR" or n.is_missing]
    return [f"{node.start_point[0] + 1}: {(node.text or b'').decode()[:60]}" for node in bad]


def commands(script: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command *script* calls, and the parameters it is given by name."""
    tree = _parser().parse(script.encode())
    for node in _walk(tree.root_node):
        if node.type != "command":
            continue
        name = node.child_by_field_name("command_name")
        if name is None or name.type != "command_name" or name.text is None:
            continue  # a block, called with &
        own = [n for n in _walk(node) if n.type == "command_parameter" and _owner(n) == node]
        yield name.text.decode(), [(n.text or b"").decode().lstrip("-") for n in own]


def _owner(node: Node) -> Node | None:
    while (parent := node.parent) is not None:
        if parent.type == "command":
            return parent
        node = parent
    return None
