"""The signer: the user's key and certificate, or a test certificate made here, marked as such."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from audioplane.credentials.installation import config_folder, from_environment, write_secret
from audioplane.errors import CredentialsError, MediaError

TEST_ISSUER = "TEST CERTIFICATE made by audioplane"
_TEST_NAME = "TEST: nobody has checked who signed this"
_TEST_DAYS = 3650
_RENEW_DAYS = 30
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True)
class Signer:
    """A key and its certificates."""

    algorithm: str
    """As C2PA names it: es256, ed25519, ps256, …"""
    certificates: bytes
    """PEM, the signer's first."""
    private_key: bytes
    """PEM."""
    is_test: bool = False
    """Whether it is a test certificate made here, which nobody has checked."""


def find_signer(key: Path | str | None, certificate: Path | str | None) -> Signer:
    """The signer: of these files, of $AUDIOPLANE_SIGN_KEY and _CERT, or else the test certificate.

    Raises `CredentialsError` if they cannot be read or made.
    """
    key = key or from_environment("AUDIOPLANE_SIGN_KEY")
    certificate = certificate or from_environment("AUDIOPLANE_SIGN_CERT")
    if key is not None and certificate is not None:
        return load_signer(Path(key), Path(certificate))
    if key is not None or certificate is not None:
        raise CredentialsError("signing needs both: pass sign_key= and sign_cert=")
    return own_test_signer()


def load_signer(key: Path, certificate: Path) -> Signer:
    """The user's PEM files. Raises `CredentialsError` if they cannot be read or do not fit."""
    try:
        key_pem, certificates = key.read_bytes(), certificate.read_bytes()
        private = load_pem_private_key(key_pem, None)
        public = x509.load_pem_x509_certificates(certificates)[0].public_key()
    except (OSError, ValueError, TypeError, IndexError) as e:
        raise CredentialsError(
            f"{key} and {certificate} cannot be used to sign ({e}): they should be PEM files, "
            "the key without a password"
        ) from e
    if private.public_key() != public:
        raise CredentialsError(f"{key} is not the key of the first certificate in {certificate}")
    return Signer(_algorithm(private, key), certificates, key_pem)


def _algorithm(private: object, path: Path) -> str:
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in _CURVES:
        return _CURVES[private.curve.name]
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(private, rsa.RSAPrivateKey):
        return "ps256"
    raise CredentialsError(
        f"{path} is no key that C2PA allows: use P-256, P-384, P-521, Ed25519 or RSA"
    )


def own_test_signer() -> Signer:
    """This installation's test signer, made at first use; a new one each time if it cannot be kept.

    Raises `CredentialsError` for a damaged file.
    """
    folder = config_folder()
    path = None if folder is None else folder / "test_signer.pem"
    try:
        pem = path.read_bytes() if path and path.exists() else b""
        if not pem or _expires_soon(pem):
            pem = _make_test_signer()
            if path:
                with suppress(MediaError):  # a folder that cannot be written
                    write_secret(path, pem)
    except (OSError, ValueError) as e:
        raise CredentialsError(f"{path} cannot be read ({e}): delete it") from e
    key, end, certificates = pem.partition(b"-----END PRIVATE KEY-----\n")
    return Signer("es256", certificates, key + end, is_test=True)


def _expires_soon(pem: bytes) -> bool:
    end = x509.load_pem_x509_certificates(pem)[0].not_valid_after_utc
    return end < datetime.now(UTC) + timedelta(days=_RENEW_DAYS)


def _make_test_signer() -> bytes:
    """Private key, certificate and root, PEM. C2PA takes no certificate that signs itself."""
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    certificates = [
        _certificate(_TEST_NAME, own, root),
        _certificate(TEST_ISSUER, root, root),
    ]
    key = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key + b"".join(c.public_bytes(Encoding.PEM) for c in certificates)


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """As the C2PA specification requires; c2pa-rs refuses one without an organisation."""
    now, is_root = datetime.now(UTC), key is issuer
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
        + ("encipher_only", "decipher_only"),
        False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(TEST_ISSUER))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_TEST_DAYS))
        .add_extension(x509.BasicConstraints(is_root, None), True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root, **usage
            ),
            True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), False
        )
    )
    if not is_root:
        usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(usages, False)
    return builder.sign(issuer, hashes.SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, TEST_ISSUER),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
