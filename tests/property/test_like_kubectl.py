"""Our reading of YAML against the real kubectl's, and over a folder of real manifests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.manifests import objects, read

PER_CALL = 200
HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


@pytest.fixture(scope="session")
def local_kubectl():
    """The kubectl at hand."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    found = str(Path(assets) / "kubectl") if assets else shutil.which("kubectl")
    if not found or not Path(found).exists():
        pytest.skip("no kubectl on PATH or in KUBEBUILDER_ASSETS: YAML is not compared with it")
    return found


def as_kubectl(program: str, text: str):
    """What kubectl makes of a file, without asking any server; None where it refuses."""
    argv = [program, "label", "--local", "-f", "-", "-o", "json", "--show-managed-fields", "x=y"]
    # A stand-in kubeconfig keeps the person's own, and its cluster, out of this.
    environment = {**os.environ, "KUBECONFIG": os.devnull}
    done = subprocess.run(
        argv, input=text.encode(), capture_output=True, check=False, env=environment
    )
    if done.returncode:
        return None
    decoder, found, rest = json.JSONDecoder(), [], done.stdout.decode().lstrip()
    while rest:
        value, end = decoder.raw_decode(rest)
        found += value["items"] if value["kind"] == "List" else [value]
        rest = rest[end:].lstrip()
    return found


def typed(value: Any):
    """A value with its types, so that 1, 1.0 and true differ."""
    if isinstance(value, dict):
        return {name: typed(each) for name, each in value.items()}
    if isinstance(value, list):
        return [typed(each) for each in value]
    # Go prints floats below 1e21 without an exponent.
    large = isinstance(value, int) and abs(value) >= 2**63
    return ("float", float(value)) if large else (type(value).__name__, value)


WORDS = """yes No on y N true ~ null 0777 08 0o17 0b11 0x1F 1e3 1234e56 12:30 2001-01-01 1.0 1e400
1_000 -0.0 0.1 9223372036854775807 9223372036854775808 = <<x 1.1e29 1. +12 .5 -.5 .5_0 1e6"""
words = st.sampled_from(WORDS.split())
scalars = words | st.text("0123456789+-._eExXobYnNtfaA:~", min_size=1, max_size=8)
entries = st.lists(st.tuples(scalars, scalars), min_size=1, max_size=40)


@settings(deadline=None, max_examples=12, database=None)
@given(entries)
def test_scalars_are_typed_as_kubectl_types_them(local_kubectl: str, pairs: list[tuple[str, str]]):
    """Every scalar, as value and as key, becomes what the real kubectl makes of it."""
    documents = [f"{HEAD}data:\n  ? {name}\n  : {value}\n" for name, value in pairs]
    ours = [read(text.encode(), "f.yaml") for text in documents]
    fine = [
        (text, found.manifests[0].value)
        for text, found in zip(documents, ours, strict=True)
        if not found.problems
    ]
    theirs = as_kubectl(local_kubectl, "---\n".join(text for text, _ in fine)) if fine else []
    assert theirs is not None
    for found in theirs:
        found["metadata"].pop("labels")
    assert typed([value for _, value in fine]) == typed(theirs)


@settings(deadline=None, max_examples=200, database=None)
@given(st.binary(max_size=200) | st.text("a: [{}]&*-\n\"'|>!<%@\t#,?~\\\x00\ufeff", max_size=80))
def test_any_bytes_are_read_or_refused(data: bytes | str):
    """Whatever the bytes, reading ends with manifests or with problems, never with an exception."""
    found = read(data.encode() if isinstance(data, str) else data, "f.yaml")
    assert not (found.manifests and found.problems)
    objects(found.manifests)


def corpus():
    """The files of a folder of real manifests, if one was named."""
    root = os.environ.get("TIDEGATE_CORPUS")
    if not root:
        return []
    return sorted(
        path
        for path in Path(root).rglob("*")
        if path.suffix in {".yaml", ".yml", ".json"} and path.is_file()
    )


@pytest.mark.corpus
def test_real_files_read_as_kubectl_reads_them(local_kubectl: str):
    """All files of the corpus are read or refused; a sample is compared with kubectl."""
    files = corpus()
    if not files:
        pytest.skip("TIDEGATE_CORPUS names no folder of manifests: nothing real is read")
    compared = []
    for number, path in enumerate(files):
        found = objects(read(path.read_bytes(), path.name).manifests)
        if found.manifests and not found.problems and number % 40 == 0:
            theirs = as_kubectl(local_kubectl, path.read_text())
            if theirs is not None:
                compared.append((path, found, theirs))
    assert compared
    for path, found, theirs in compared:
        for each in theirs:
            each["metadata"].get("labels", {}).pop("x")
        ours = [without_labels(document.value) for document in found.manifests]
        assert typed(ours) == typed([without_labels(each) for each in theirs]), path


def without_labels(manifest: Any):
    """A manifest without its labels where kubectl left none or made an empty mapping."""
    metadata = {name: each for name, each in manifest["metadata"].items() if name != "labels"}
    return {**manifest, "metadata": metadata}
