"""A certificate for 127.0.0.1 that nobody has signed."""

import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True)
class Certificate:
    """The files of a certificate.

    Args:
        public: The certificate, which clients may trust.
        key: Its private key.
    """

    public: Path
    key: Path

    @property
    def server(self) -> ssl.SSLContext:
        """The context of a server that has it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.public, self.key)
        return context

    @property
    def trusting(self) -> ssl.SSLContext:
        """The context of a client that trusts it."""
        return ssl.create_default_context(cafile=str(self.public))


def self_signed(folder: Path, *, authority: bool = False) -> Certificate:
    """A new certificate, in a folder; as an authority's it is what `openssl req -x509` makes."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(timezone.utc)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
    )
    if authority:
        of_authority = x509.BasicConstraints(ca=True, path_length=None)
        builder = builder.add_extension(of_authority, critical=True)
    signed = builder.sign(key, hashes.SHA256())
    certificate = Certificate(folder / "certificate.pem", folder / "key.pem")
    certificate.public.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    certificate.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return certificate
