import numpy as np

from audioplane.train.initial import find_bounds
from audioplane.train.views import mouth_density, observe


def test_density_at_the_mouth(spoken_subject):
    views, K = observe(spoken_subject, spoken_subject.train), spoken_subject.K
    bounds = find_bounds(views, K)
    rng = np.random.default_rng(0)
    # Points on the plane through the head's centre, evenly spread over the image.
    even = rng.uniform(bounds.low, bounds.high, (40_000, 3))
    even[:, 2] = 0
    assert abs(mouth_density(even, views, K) - 1) < 0.1
    ref = spoken_subject.train[0]
    mouth = spoken_subject.landmarks(ref)[60:68].mean(0)
    depth = ref.viewmat[2, 3]
    camera = np.array([*((mouth - K[:2, 2]) / K[0, 0] * depth), depth])
    point = ref.viewmat[:3, :3].T @ (camera - ref.viewmat[:3, 3])
    crowded = np.concatenate([even, point + rng.normal(0, 0.003, (2_000, 3))])
    assert mouth_density(crowded, views, K) > 2
