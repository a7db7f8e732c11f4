import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from audioplane.mark.code import CODED_BITS, PAYLOAD_BYTES, decode, encode

KEY, OTHER = b"k" * 32, b"o" * 32


@settings(deadline=None, max_examples=20)
@given(st.binary(min_size=PAYLOAD_BYTES, max_size=PAYLOAD_BYTES))
def test_what_was_encoded_comes_back(payload):
    assert decode(encode(payload, KEY).astype(float), KEY) == payload


def test_strong_noise_is_corrected_and_too_much_fails_the_check():
    rng = np.random.default_rng(0)
    right, wrong = 0, 0
    for _ in range(30):
        payload = rng.bytes(PAYLOAD_BYTES)
        noisy = encode(payload, KEY) * 0.92 + rng.standard_normal(CODED_BITS)
        assert (np.sign(noisy) != encode(payload, KEY)).mean() > 0.1
        right += decode(noisy, KEY) == payload
        wrong += decode(rng.standard_normal(CODED_BITS), KEY) is not None
    assert right == 30 and wrong == 0


def test_another_key_reads_nothing():
    assert decode(encode(b"12345678", KEY).astype(float), OTHER) is None
