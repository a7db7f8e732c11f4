from pathlib import Path

import pytest

from tests.perceptual.random_weights import RandomWeights, random_weights


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> RandomWeights:
    """Not to be changed."""
    return random_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def own_weights(tmp_path: Path) -> RandomWeights:
    """To be changed and saved again."""
    return random_weights(tmp_path / "weights")
