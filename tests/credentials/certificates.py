"""A user's key and certificate, as an authority would have made them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def private_key(kind: str):
    """es256, es384, ed25519 or ps256; "small" is a curve that C2PA does not know."""
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "ps256":
        return rsa.generate_private_key(65537, 2048)
    curves = {"es256": ec.SECP256R1(), "es384": ec.SECP384R1(), "small": ec.SECP224R1()}
    return ec.generate_private_key(curves[kind])


def write_identity(folder: Path, kind: str) -> tuple[Path, Path]:
    """Files of a key and of its certificates."""
    key, root = private_key(kind), private_key("es256")
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Film")
    now = datetime.now(UTC)
    usage = [True, *[False] * 8]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(
            x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, "Ex Ample")])
        )
        .issuer_name(x509.Name([organisation]))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=10))
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(x509.KeyUsage(*usage), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), False)
        .sign(root, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    paths = folder / f"{kind}.key", folder / f"{kind}.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    paths[0].write_bytes(pem)
    paths[1].write_bytes(certificate.public_bytes(Encoding.PEM))
    return paths
