import numpy as np
import pytest
import torch

from audioplane.evaluate.figures.attention import _typical_phones, strongest_prototypes
from audioplane.head import Head, HeadShape
from audioplane.speech.phones import PHONES


def test_a_prototype_is_named_after_the_phones_under_it():
    spoken = np.zeros((40, len(PHONES)))
    for t in range(40):
        spoken[t, PHONES.index(("AA", "M", "S", "T")[t % 4])] = 1
    weights = np.where(np.arange(40) % 4 == 1, 0.9, 0.01)
    phones, lifts = _typical_phones(weights, spoken)
    assert phones == ("M",) and lifts[0] == pytest.approx(3.8, abs=0.2)
    assert _typical_phones(np.ones(40), spoken) == ((), ())
    assert _typical_phones(weights, None) == ((), ())


@pytest.mark.parametrize("encoder", ["audio-plane", "concat"])
def test_weights_of_the_frames_that_are_shown(spoken_subject, encoder):
    shape = HeadShape(feature_dim=80, scales=(1, 2), grid_size=8, encoder=encoder)
    head = Head(shape, torch.Generator().manual_seed(0))
    features, shown = spoken_subject.features("mel"), np.array([3, 4, 5])
    found = strongest_prototypes(head, spoken_subject, features, shown)
    if encoder == "concat":
        assert found == []
        return
    assert len(found) == 20 and len({(p.scale, p.row) for p in found}) == 20
    weights = head.prototype_weights(torch.from_numpy(features))
    assert [w.shape[1] for w in weights] == [8, 16]
    for p in found:
        expected = weights[p.scale - 1][:, p.row].detach().numpy()
        assert np.allclose(p.weights, expected[shown]) and p.mean == pytest.approx(expected.mean())
