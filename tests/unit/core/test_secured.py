"""Digests of Secrets say nothing to who has not the installation's key."""

from __future__ import annotations

from agent.core.desired import secured
from agent.core.encode import digest
from agent.core.values import Complete, Desired, Key

MANIFEST = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}}
SECRET = Desired(Key("", "Secret", "shop", "db"), "v1", MANIFEST, digest(MANIFEST))
CONFIG = Desired(Key("", "ConfigMap", "shop", "db"), "v1", MANIFEST, digest(MANIFEST))
WANTS = Complete("c1", digest("all"), (SECRET, CONFIG))


def test_only_secrets_are_keyed() -> None:
    """Other objects keep the digest that anybody can compute."""
    objects = secured(WANTS, b"key").objects
    assert [each.digest == digest(MANIFEST) for each in objects] == [False, True]


def test_the_same_key_gives_the_same_digests() -> None:
    """A restart sees nothing new."""
    assert secured(WANTS, b"key") == secured(WANTS, b"key")


def test_another_key_gives_other_digests_also_of_the_whole() -> None:
    """The digest of the whole render would let a guess be tried as well."""
    one, other = secured(WANTS, b"key"), secured(WANTS, b"another")
    assert one.digest != other.digest
    assert one.objects[0].digest != other.objects[0].digest
