"""What a video says of its making (C2PA), who signs that, and this installation's secrets."""

from audioplane.credentials.installation import installed_mark_key, read_mark_key
from audioplane.credentials.manifest import Credentials, Origin, read_credentials, sign_video
from audioplane.credentials.provenance import Provenance
from audioplane.credentials.signer import Signer, load_signer, own_test_signer

__all__ = [
    "Credentials",
    "Origin",
    "Provenance",
    "Signer",
    "installed_mark_key",
    "load_signer",
    "own_test_signer",
    "read_credentials",
    "read_mark_key",
    "sign_video",
]
