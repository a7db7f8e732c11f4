import hashlib

import numpy as np
import pytest

from audioplane.mark.code import encode
from audioplane.mark.pattern import MarkPayload, payload_cells, read_bits, sync_cells

KEY, OTHER = b"k" * 32, b"o" * 32
PAYLOAD = MarkPayload(0xDEADBEEF, 0x00C0FFEE)


def test_every_cell_belongs_to_the_sync_or_to_the_payload():
    sync, payload = sync_cells(), payload_cells(PAYLOAD, KEY)
    assert np.array_equal(sync != 0, payload == 0)
    assert np.allclose(np.abs(sync + payload), 1)


def test_the_grid_is_the_one_that_is_in_videos_already():
    """A change here makes every existing mark unreadable."""
    sync = hashlib.sha256(np.round(sync_cells()).tobytes()).hexdigest()
    payload = hashlib.sha256(np.round(payload_cells(PAYLOAD, KEY)).tobytes()).hexdigest()
    assert (sync[:16], payload[:16]) == ("1fc03c0ab56397cc", "ca4bfd6511115d4d")


def test_the_cells_give_the_code_to_the_right_key_only():
    cells, code = payload_cells(PAYLOAD, KEY), encode(PAYLOAD.to_bytes(), KEY)
    assert np.array_equal(np.sign(read_bits(cells, KEY)), code)
    agree = (np.sign(read_bits(cells, OTHER)) == code).mean()
    assert 0.3 < agree < 0.7


def test_payloads_are_eight_bytes():
    assert MarkPayload.from_bytes(PAYLOAD.to_bytes()) == PAYLOAD
    with pytest.raises(ValueError, match="8 bytes"):
        MarkPayload.from_bytes(b"1234")
