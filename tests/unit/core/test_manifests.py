"""Reading files of manifests: whole or not at all, within budgets, with every problem named."""

from __future__ import annotations

import textwrap
from typing import Any

import orjson
import pytest

from agent.core.manifests import Budget, Document, Documents, objects, read


def load(text: str, **budget: int):
    """Read dedented text as the file `f.yaml`."""
    return read(textwrap.dedent(text).encode(), "f.yaml", Budget(**budget))


def problems(text: str, **budget: int):
    """The problems of a text, printed."""
    return [str(problem) for problem in load(text, **budget).problems]


def values(text: str):
    """The values of a text without problems."""
    documents = load(text)
    assert documents.problems == ()
    return [document.value for document in documents.manifests]


# --- documents ---------------------------------------------------------------------------------


def test_documents_carry_the_line_of_their_first_key():
    """Empty documents and comments are left out; lines count from 1."""
    text = "# first\n---\na: 1\n---\n# nothing\n---\n\nb: 2\n...\n"
    assert load(text) == Documents(
        (Document({"a": 1}, 3, "f.yaml"), Document({"b": 2}, 8, "f.yaml"))
    )


@pytest.mark.parametrize("data", [b"", b"\n", b"---\n", b"# only a comment\n", b"---\n---\n"])
def test_nothing_is_no_problem(data: bytes):
    """A file without content has no manifests and no problems."""
    assert read(data, "f.yaml") == Documents(())


def test_windows_line_ends_and_a_leading_mark_are_fine():
    """CRLF and a UTF-8 byte order mark at the start read as kubectl reads them."""
    documents = read(b"\xef\xbb\xbfa: x\r\nb: |\r\n  1\r\n  2\r\n", "f.yaml")
    assert documents.manifests[0].value == {"a": "x", "b": "1\n2\n"}


def test_json_reads_as_itself():
    """JSON files work, also concatenated objects and escaped surrogate pairs."""
    documents = read(b'{"a": "\\ud83d\\ude00", "n": 1.0}\n{"b": 12345678901234567890}', "f.json")
    assert [(each.value, each.line) for each in documents.manifests] == [
        ({"a": "😀", "n": 1}, 1),
        ({"b": 1.2345678901234567e19}, 2),
    ]


# --- anchors and merges ------------------------------------------------------------------------


def test_aliases_repeat_their_anchor():
    """Anchors work for scalars, collections and keys; the newest of a name counts."""
    text = "a: &x 1\nb: *x\nc: &y [1, &x yes]\nd: *y\n? *x\n: e\n"
    assert values(text) == [{"a": 1, "b": 1, "c": [1, True], "d": [1, True], "true": "e"}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{<<: {a: 1}, a: 2}", {"a": 2}),
        ("{a: 2, <<: {a: 1}}", {"a": 1}),
        ("<<: [{a: 1, b: 1}, {b: 2, c: 2}]", {"a": 1, "b": 1, "c": 2}),
        ("'<<': 1", {"<<": 1}),
    ],
)
def test_merge_keys_as_kubectl(text: str, expected: Any):
    """Merging follows go-yaml v2: what comes later wins; of a list, what comes first."""
    assert values(text) == [expected]


@pytest.mark.parametrize("text", ["<<: 1", "<<: [1]", "{x: &l [{a: 1}], <<: *l}", "<<: "])
def test_only_mappings_merge(text: str):
    """Anything else under a merge key is an error."""
    assert "`<<` merges" in problems(text)[0]


# --- problems ----------------------------------------------------------------------------------


def test_one_problem_empties_the_file():
    """All problems of all documents are told, and no manifest comes back."""
    documents = load(
        """\
        a: 1
        a: 2
        ---
        b: [1, {c: 1, c: 2}]
        ---
        x: "open
        ---
        ~: 1
        d: .nan
        """
    )
    assert documents.manifests == ()
    assert [str(problem)[:58] for problem in documents.problems] == [
        "f.yaml:2:1: the key `a` is already set in line 1",
        "f.yaml:4:15: the key `c` is already set in line 4",
        "f.yaml:7:1: while scanning a quoted scalar, found unexpect",
        "f.yaml:8:1: null can't be a key: quote it",
        "f.yaml:9:4: JSON has no infinite numbers and no .nan: quot",
    ]


def test_keys_that_end_up_equal_are_duplicates():
    """A number and its text are one key once they are JSON."""
    assert problems("1: a\n'1': b\n") == ["f.yaml:2:1: the key `1` is already set in line 1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a:\n\tb: 1\n",
            "the line has a tab: indent with spaces",
        ),
        ("a: {{ .Values.x }}\n", "can't be a key"),
        ("a: {{ .Values.x | b }}x{{\n", "template"),
        ("a: *b\n", "f.yaml:1:4: there is no anchor `&b`"),
        ("a: &b [*b]\n", "f.yaml:1:8: the anchor `&b` contains itself"),
        ("[1, 2]: 3\n", "f.yaml:1:6: a mapping or a list can't be a key"),
        ("a: !!int x\n", "f.yaml:1:4: `x` is tagged !!int but is not one"),
    ],
)
def test_problems_say_what_and_where(text: str, said: str):
    """A problem names file, line and column, and what to do about it."""
    assert said in problems(text)[0]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a: 1\nb: \x00\n", "f.yaml:2:4: the character U+0000"),
        (b"a: 1\nb: \xc2\x80\n", "f.yaml:2:4: the character U+0080"),
        (b"a: 1\n\xef\xbb\xbfb: 2\n", "f.yaml:2:1: the character U+FEFF"),
        (b"a: 1\nb: \xff\n", "f.yaml:2:4: not UTF-8"),
        ("a: 1\n".encode("utf-16"), "f.yaml:1:1: the file is UTF-16"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"\x00GITCRYPT\x00\x01", "git-crypt"),
        (b'{"a": "\\ud800"}', "surrogates not allowed"),
        (b'{"a": "\\ud83d\\ude00", "b": 1, "b": 2}', "the key `b` is set twice"),
    ],
)
def test_bytes_that_are_no_text(data: bytes, said: str):
    """Encodings, control characters and files of other tools are named for what they are."""
    documents = read(data, "f.yaml")
    assert documents.manifests == ()
    assert any(said in str(problem) for problem in documents.problems)


# --- budgets -----------------------------------------------------------------------------------


def bomb(levels: int, per_level: int, item: str):
    """Aliases of aliases: `per_level ** levels` items."""
    lines = ["a0: &a0 " + item]
    for level in range(1, levels + 1):
        repeats = ", ".join([f"*a{level - 1}"] * per_level)
        lines.append(f"a{level}: &a{level} [{repeats}]")
    return "\n".join(lines)


def merge_bomb(levels: int):
    """Mappings that merge the one before ten times."""
    lines = ["a0: &a0 {x: 1}"]
    for level in range(1, levels + 1):
        repeats = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} {{<<: [{repeats}], k{level}: 1}}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 60_000, "nested more than 100 levels deep"),
        ("{a: " * 60_000, "nested more than 100 levels deep"),
        ("- " * 60_000, "nested more than 100 levels deep"),
        (bomb(9, 9, "lol"), "once aliases are expanded"),
        (bomb(4, 9, "x" * 100_000), "once aliases are expanded"),
        (merge_bomb(9), "once aliases are expanded"),
        ("---\n" * 100_000, "more than 20000 documents"),
        ("a: &a 1\nb: [" + "*a," * 10_001 + "]", "more than 10000 aliases"),
        ("a" * (16 * 2**20 + 1), "a file may have"),
    ],
    ids=["brackets", "braces", "dashes", "aliases", "text", "merges", "documents", "many", "bytes"],
)
def test_bombs_are_refused(text: str, said: str):
    """Whatever is larger than it looks is refused while it is counted."""
    assert said in problems(text)[0]


def test_depth_is_counted_to_the_level():
    """The deepest level allowed still reads, one more does not."""
    assert problems("[" * 5 + "]" * 5, depth=5) == []
    assert problems("[" * 6 + "]" * 6, depth=5) == ["f.yaml:1:6: nested more than 5 levels deep"]


def test_nodes_are_counted_with_aliases():
    """A node and each of its repetitions cost the same."""
    text = "{a: &a [1, 2], b: *a}"
    assert problems(text, nodes=9) == []
    assert "more than 8 nodes" in problems(text, nodes=8)[0]


# --- objects -----------------------------------------------------------------------------------


def unpacked(text: str):
    """The objects of a text."""
    return objects(load(text).manifests)


def test_lists_are_unpacked():
    """Lists of any kind give their items in order, typed ones lend them their type."""
    found = unpacked(
        """\
        apiVersion: v1
        kind: List
        items:
          - {apiVersion: v1, kind: ConfigMapList, items: [{metadata: {name: a}}]}
          - {apiVersion: v1, kind: Secret, metadata: {generateName: b-}}
        """
    )
    assert found == Documents(
        (
            Document(
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}, 1, "f.yaml"
            ),
            Document(
                {"apiVersion": "v1", "kind": "Secret", "metadata": {"generateName": "b-"}},
                1,
                "f.yaml",
            ),
        )
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "a Kubernetes object is a mapping, this is a list"),
        ("{}", "apiVersion is missing"),
        ("{apiVersion: 1, kind: X, metadata: {name: a}}", "apiVersion must be a string"),
        ("{apiVersion: v1, metadata: {name: a}}", "kind is missing"),
        ("{apiVersion: v1, kind: X}", "metadata.name is missing"),
        ("{apiVersion: v1, kind: X, metadata: []}", "metadata must be a mapping"),
        ("{apiVersion: v1, kind: X, metadata: {name: 1}}", "metadata.name must be a string"),
        (
            "{apiVersion: v1, kind: X, metadata: {name: a, labels: {a: b, on: yes}}}",
            "metadata.labels: `true` must be a string, this is the boolean true: quote it",
        ),
        (
            "{apiVersion: v1, kind: X, metadata: {name: a, annotations: {v: 1.10}}}",
            "metadata.annotations: `v` must be a string, this is the number 1.1: quote it",
        ),
        ("{apiVersion: v1, kind: X, sops: {mac: x}}", "encrypted with SOPS"),
    ],
)
def test_objects_without_the_essentials(text: str, said: str):
    """What the API server could not even route is refused with the place and the reason."""
    found = unpacked(text)
    assert found.manifests == ()
    assert said in str(found.problems[0])


def test_shared_anchors_do_not_change_content():
    """Values that share an anchor still print in full."""
    (value,) = values("a: &x {b: [1]}\nc: *x\n")
    assert orjson.loads(orjson.dumps(value)) == {"a": {"b": [1]}, "c": {"b": [1]}}
