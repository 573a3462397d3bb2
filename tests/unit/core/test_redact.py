"""What must not leave does not, in whatever spelling; the rest stays readable."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.redact import LAST_APPLIED, Redactor, masked, redact, secret_values, trim
from agent.core.values import ABSENT, Cause, Change

KEY = b"of this installation"
CANARY = "kanarien/vogel+7 ß"


def b64(text: str) -> str:
    """Base64 as Secrets carry it."""
    return base64.b64encode(text.encode()).decode()


def secret(**data: str) -> dict[str, Any]:
    """A Secret with the given plain values."""
    encoded = {name: b64(value) for name, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": encoded}


# --- by type ---------------------------------------------------------------------------------


def test_secrets_show_names_sizes_and_tokens_only():
    """Values become their size and a keyed token; equal values have equal tokens."""
    shown = redact({**secret(a="hello", b="hello", c="other"), "stringData": {"d": "hello"}}, KEY)
    token = masked("hello", KEY, encoded=False)
    assert token.startswith("*** (5 bytes, ")
    assert shown["data"]["a"] == shown["data"]["b"] == shown["stringData"]["d"] == token
    assert shown["data"]["c"] != token
    assert masked("hello", b"of another", encoded=False) != token


@pytest.mark.parametrize("data", [None, "text", ["a"], {"a": None}, {"a": 1}, {"a": "no base64!"}])
def test_malformed_secrets_are_masked_all_the_same(data: Any):
    """Whatever stands where values belong is not shown."""
    shown = redact({"apiVersion": "v1", "kind": "Secret", "data": data}, KEY)
    assert shown["data"] is None or "***" in json.dumps(shown["data"])
    assert "base64!" not in json.dumps(shown)


def test_the_last_applied_copy_is_dropped():
    """Kubectl's annotation repeats the whole object, so no kind shows it."""
    annotations = {LAST_APPLIED: '{"data": {"a": "x"}}', "other": "stays"}
    manifest = {"kind": "ConfigMap", "metadata": {"annotations": annotations}, "data": {"a": "b"}}
    assert redact(manifest, KEY) == {
        "kind": "ConfigMap",
        "metadata": {"annotations": {"other": "stays"}},
        "data": {"a": "b"},
    }
    assert LAST_APPLIED in manifest["metadata"]["annotations"]


def test_values_of_secrets_are_collected_plain_and_encoded():
    """Both forms are known; other kinds have none."""
    manifest = {**secret(a=CANARY), "stringData": {"b": "plain"}}
    assert secret_values(manifest) == {CANARY, b64(CANARY), "plain"}
    assert secret_values({**manifest, "kind": "ConfigMap"}) == frozenset()
    assert secret_values({**manifest, "apiVersion": "g.io/v1"}) == frozenset()


# --- by value ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling",
    [
        CANARY,
        b64(CANARY),
        b64("user:" + CANARY),
        b64("ab" + CANARY + "tail"),
        base64.urlsafe_b64encode(CANARY.encode()).decode().rstrip("="),
        quote(CANARY),
        quote(CANARY, safe=""),
        json.dumps(CANARY),
    ],
)
def test_known_values_are_masked_in_every_spelling(spelling: str):
    """Plain, inside base64 at any offset, URL-encoded, escaped: no spelling survives."""
    shown = Redactor(secret_values(secret(a=CANARY))).text(f"before {spelling} after")
    assert "***" in shown
    assert not any(part in shown for part in (CANARY, "vogel", b64(CANARY)[4:-4]))
    assert shown.startswith("before ")


@settings(deadline=None, max_examples=150, database=None)
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_no_value_survives(value: str, before: str, after: str):
    """Any value of some length is gone from any text, also JSON-escaped and encoded."""
    spelled = (value, json.dumps(value)[1:-1], b64(value), quote(value, safe=""))
    redactor = Redactor([value])
    for spelling in spelled:
        shown = redactor.text(f"{before} {spelling} {after}")
        assert f" {spelling} " not in shown


def test_lines_of_long_values_are_masked():
    """An error may quote one line of a file that is a secret."""
    value = "first line here\nsecond line here\nx\n"
    assert Redactor([value]).text("bad: second line here (x)") == "bad: *** (x)"


def test_short_and_everyday_values_do_not_blot_out_messages():
    """Words only as whole words; ports, booleans and the like not at all."""
    redactor = Redactor(["abc", "tiger", "5432", "true", "default", ""])
    text = "abc: tigers default to true at db:5432, tiger"
    assert redactor.text(text) == "abc: tigers default to true at db:5432, ***"


def test_redactors_learn():
    """Knowing more gives another redactor; knowing nothing new the same."""
    one = Redactor(["first-value"], KEY)
    two = one.knowing(["second-value"])
    assert two.text("first-value second-value") == "*** ***"
    assert one.text("second-value") == "second-value"
    assert two.knowing(["first-value", "abc"]) is two


# --- by form -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "clone https://me:pa55@git.example.com/x failed",
            "clone https://***@git.example.com/x failed",
        ),
        ("https://me:pa/55@git.example.com/x", "https://***@git.example.com/x"),
        ("https://sometoken@git.example.com/x", "https://***@git.example.com/x"),
        ("ssh://git@git.example.com:22/x", "ssh://git@git.example.com:22/x"),
        ("https://git.example.com:443/x@v1", "https://git.example.com:443/x@v1"),
        ("postgres://u:p@db/x?sslmode=on", "postgres://***@db/x?sslmode=on"),
        ("Authorization: token abc def\nnext", "Authorization: ***\nnext"),
        ('{"Authorization": "Basic dXNlcjpw"}', '{"Authorization": ***'),
        ("sent bearer abcdefghijklmn.op", "sent bearer ***"),
        ("jwt eyJhbGciOiJub.eyJzdWIi.sig_x end", "jwt *** end"),
        ("ghp_0123456789abcdef0123 x", "*** x"),
        ("?ref=main&token=abc&x=1", "?ref=main&token=***&x=1"),
        ('{"password":"hunter","user":"me"}', '{"password":"***","user":"me"}'),
        ("password=hunter, user=me", "password=***, user=me"),
        ("a:\n  password: hunter\n  b: c", "a:\n  password: ***\n  b: c"),
    ],
)
def test_credentials_are_known_by_their_form(text: str, shown: str):
    """URLs, headers, tokens and named fields are masked though nobody named the value."""
    assert Redactor().text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        'secrets "db" not found',
        "stringData: `password` must be a string: quote it",
        "spec.template.spec.containers[name=web].image: a:1 → a:2",
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "ada@example.com changed apps/web.yaml:12:3",
        "basic auth is not supported, bearer tokens are",
    ],
)
def test_ordinary_messages_stay_as_they_are(text: str):
    """What people need to read is not masked."""
    assert Redactor(["unrelated value"]).text(text) == text


@pytest.mark.parametrize("end", ["\n-----END RSA PRIVATE KEY-----\n", "", "\\n-----END RSA PRIV"])
def test_private_keys_are_masked_whole(end: str):
    """From the first line to the last, or to the end of the text if that was cut off."""
    shown = Redactor().text(f"key: -----BEGIN RSA PRIVATE KEY-----\nMIIB\nabcd{end}")
    assert shown.rstrip() == "key: *** (private key)"


# --- changes -------------------------------------------------------------------------------------


def test_changes_of_secrets_hide_both_sides():
    """Paths and whether a value came, went or changed are told; no value is."""
    changes = (
        Change("data.a", Cause.GIT, b64("old"), b64("new value")),
        Change("data[tls.key]", Cause.GIT, ABSENT, b64("new value")),
        Change("data", Cause.DRIFT, {"x": b64("new value")}, ABSENT),
        Change("metadata.labels.app", Cause.GIT, "web", "api"),
    )
    new = masked(b64("new value"), KEY, encoded=True)
    assert Redactor((), KEY).changes(changes, "Secret") == (
        Change("data.a", Cause.GIT, masked(b64("old"), KEY, encoded=True), new),
        Change("data[tls.key]", Cause.GIT, ABSENT, new),
        Change("data", Cause.DRIFT, {"x": new}, ABSENT),
        Change("metadata.labels.app", Cause.GIT, "web", "api"),
    )


def test_changes_of_other_kinds_are_masked_by_value():
    """A known value is masked wherever it was copied to; last-applied annotations always are."""
    changes = (
        Change("data.url", Cause.GIT, ["x my-secret-value y"], {"a": "my-secret-value"}),
        Change(f"metadata.annotations[{LAST_APPLIED}]", Cause.GIT, "{}", ABSENT),
        Change("metadata.annotations", Cause.GIT, {LAST_APPLIED: "{}", "a": "b"}, ABSENT, "m"),
    )
    assert Redactor(["my-secret-value"]).changes(changes, "ConfigMap") == (
        Change("data.url", Cause.GIT, ["x *** y"], {"a": "***"}),
        Change(f"metadata.annotations[{LAST_APPLIED}]", Cause.GIT, "***", ABSENT),
        Change("metadata.annotations", Cause.GIT, {"a": "b"}, ABSENT, "m"),
    )


def test_trimming_keeps_both_ends():
    """What is cut out is the middle, and the result is never longer than asked."""
    assert trim("short", 10) == "short"
    assert trim("a" * 50 + "b" * 50, 31) == "a" * 20 + "…" + "b" * 10
