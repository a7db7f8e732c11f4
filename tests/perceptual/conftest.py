from pathlib import Path

import pytest

from tests.perceptual.random_weights import RandomWeights, random_weights


@pytest.fixture(scope="session", params=["alex", "vgg"])
def weights(request: pytest.FixtureRequest, tmp_path_factory) -> RandomWeights:
    """Of both nets, one after the other; not to be changed."""
    return random_weights(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def alex(tmp_path: Path) -> RandomWeights:
    """AlexNet's, to be changed and saved again."""
    return random_weights("alex", tmp_path / "weights")
