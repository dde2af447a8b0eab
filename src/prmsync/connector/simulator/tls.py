"""A certificate of one's own, so that clients that insist on https reach a simulator."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from prmsync.errors import ConfigurationError

NAMES = ("localhost", "127.0.0.1")
_LIFETIME = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the certificate and its private key lie, both PEM."""

    certificate: Path
    key: Path


def tls_files(folder: Path, names: Sequence[str] = NAMES) -> TlsFiles:
    """The pair in `folder`, made when there is none. `names` are host names and addresses.

    Raises ConfigurationError when the folder cannot be used, or holds a certificate that is not
    made out to all of them.
    """
    files = TlsFiles(folder / "certificate.pem", folder / "key.pem")
    try:
        if not (files.certificate.exists() and files.key.exists()):
            folder.mkdir(parents=True, exist_ok=True)
            _write(files, names)
        lacking = _lacking(files.certificate.read_bytes(), names)
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot hold a certificate: {error.strerror}",
            hint="Name a folder that you may write.",
        ) from error
    if lacking:
        raise ConfigurationError(
            f"{files.certificate} is not made out to {', '.join(lacking)}",
            hint="Name another folder, or delete this certificate and its key: new ones are made.",
        )
    return files


def _lacking(pem: bytes, names: Sequence[str]) -> list[str]:
    try:
        extensions = x509.load_pem_x509_certificate(pem).extensions
        told = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return list(names)
    return [name for name in names if _name(name) not in told]


def _write(files: TlsFiles, names: Sequence[str]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with os.fdopen(os.open(files.key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(pem)
    certificate = _signed(key, names)
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _signed(key: ec.EllipticCurvePrivateKey, names: Sequence[str]) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "prmsync simulator")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)
