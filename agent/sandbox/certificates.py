"""A certificate authority for one run of the sandbox's server, and a certificate signed by it.

Needs the extra `demo`. The keys never outlive the process: nothing is written that could be trusted
tomorrow.
"""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from tempfile import NamedTemporaryFile
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_ADDRESSES: Final = ("127.0.0.1", "::1")
# Keys that die with the process need no dates; 9999-12-31 says so (RFC 5280, 4.1.2.5).
_SINCE: Final = datetime(2000, 1, 1, tzinfo=UTC)
_UNTIL: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_SIGNS: Final = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a server shows, and what its clients have to trust."""

    authority: bytes
    """The certificate of the authority, PEM."""
    context: ssl.SSLContext


def throw_away() -> Identity:
    """Make an authority and a certificate for this machine, good as long as this process."""
    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    trusted = _authority(authority)
    context = _context(key, _signed(key, trusted, authority))
    return Identity(trusted.public_bytes(Encoding.PEM), context)


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = _name("tidegate sandbox authority")
    begun = _begun(name, name, key.public_key())
    constraints = x509.BasicConstraints(ca=True, path_length=0)
    return (
        begun.add_extension(constraints, critical=True)
        .add_extension(_SIGNS, critical=True)
        .sign(key, hashes.SHA256())
    )


def _signed(
    key: ec.EllipticCurvePrivateKey,
    trusted: x509.Certificate,
    authority: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    addresses = [x509.IPAddress(ipaddress.ip_address(each)) for each in _ADDRESSES]
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses])
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    begun = _begun(_name("tidegate sandbox"), trusted.subject, key.public_key())
    constraints = x509.BasicConstraints(ca=False, path_length=None)
    return (
        begun.add_extension(constraints, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(names, critical=False)
        .add_extension(signer, critical=False)
        .sign(authority, hashes.SHA256())
    )


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(issuer, subject, key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_SINCE)
        .not_valid_after(_UNTIL)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _context(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> ssl.SSLContext:
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    # `ssl` reads files only; this one is ours alone (0600) and gone at the end of the block.
    with NamedTemporaryFile(suffix=".pem") as file:
        file.write(secret + certificate.public_bytes(Encoding.PEM))
        file.flush()
        context.load_cert_chain(file.name)
    return context
