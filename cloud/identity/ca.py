"""The district's certificate authority (X.509, RFC 5280; EC P-256 with SHA-256). No clock, no files.

now_ms: UTC milliseconds. Keys and certificates are PEM; keys are PKCS #8, not encrypted: whoever writes one to a disk
writes it readable by its owner only.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from contract.clock import from_ms, to_ms

# A gateway whose clock is a little behind must not find a fresh certificate not yet valid.
_BACKDATED = timedelta(days=1)


class Purpose(Enum):
    """One certificate cannot stand in for another's role."""

    CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
    SERVER = ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, which is kept out of every repr."""

    cert_pem: bytes
    key_pem: bytes = field(repr=False)
    serial: int = 0
    expires_ms: int = 0


def make_authority(district: str, now_ms: int, days: float) -> Pair:
    """A new CA that signs nothing but end certificates (path length 0)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Headwater {district}"[:64])])
    start = from_ms(now_ms).replace(microsecond=0)
    cert = (
        _builder(name, name, key.public_key(), now_ms)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    return _pair(cert, key)


def issue(
    authority: Pair, common_name: str, now_ms: int, days: float, purpose: Purpose, names: Sequence[str] = ()
) -> Pair:
    """A key and its certificate, at most as long valid as the authority.

    names: host names or addresses that a server answers to. Raises ValueError when the common name is longer than the
    64 characters X.509 allows, or when the authority has expired.
    """
    if not 0 < len(common_name) <= 64:
        raise ValueError(f"{common_name!r} is no common name: X.509 allows 64 characters")
    ca, ca_key = x509.load_pem_x509_certificate(authority.cert_pem), _key(authority)
    start = from_ms(now_ms).replace(microsecond=0)
    if ca.not_valid_after_utc <= start:
        raise ValueError("the authority has expired: start a new identity folder and give every gateway a new identity")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        _builder(subject, ca.subject, key.public_key(), now_ms)
        .not_valid_after(min(start + timedelta(days=days), ca.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose.value]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_name(n) for n in names]), critical=False)
    return _pair(builder.sign(ca_key, SHA256()), key)


def revocation_list(authority: Pair, revoked: Iterable[tuple[int, int]], now_ms: int) -> bytes:
    """A CRL in PEM. revoked: (serial, when, UTC ms) of each certificate.

    It ends with the authority: OpenSSL refuses *every* client once a CRL is past its next update, and this one is
    rewritten whenever something changes, on the machine that uses it.
    """
    ca, key = x509.load_pem_x509_certificate(authority.cert_pem), _key(authority)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.subject)
        .last_update(from_ms(now_ms) - _BACKDATED)
        .next_update(ca.not_valid_after_utc)
        .add_extension(x509.CRLNumber(now_ms), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    for serial, when_ms in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(from_ms(when_ms)).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def server_names(cert_pem: bytes) -> list[str]:
    """What a server's certificate answers to."""
    cert = x509.load_pem_x509_certificate(cert_pem)
    try:
        found = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(n.value) for n in found]


def serial_of(cert_pem: bytes) -> int:
    """The serial number of a certificate (RFC 5280, 4.1.2.2). Raises ValueError on anything else."""
    return x509.load_pem_x509_certificate(cert_pem).serial_number


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now_ms: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(from_ms(now_ms) - _BACKDATED)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _key(authority: Pair) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(authority.key_pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the authority's key is not an elliptic curve key")
    return key


def _pair(cert: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    return Pair(
        cert.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        cert.serial_number,
        to_ms(cert.not_valid_after_utc),
    )
