"""Content credentials (C2PA) of videos, their signers, and this installation's secrets."""

from audioplane.credentials.manifest import (
    Credentials,
    Origin,
    can_hold_credentials,
    read_credentials,
    sign_video,
)
from audioplane.credentials.options import ProvenanceOptions
from audioplane.credentials.provenance import Provenance, state
from audioplane.credentials.signer import Signer, load_signer, own_test_signer
from audioplane.credentials.verification import Verification, verify

__all__ = [
    "Credentials",
    "Origin",
    "Provenance",
    "ProvenanceOptions",
    "Signer",
    "Verification",
    "can_hold_credentials",
    "load_signer",
    "own_test_signer",
    "read_credentials",
    "sign_video",
    "state",
    "verify",
]
