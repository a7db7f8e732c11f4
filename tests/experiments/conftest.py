"""The subject of the tests of evaluation: a face whose mouth opens and whose head moves."""

from tests.evaluate.conftest import draw_face, subject

__all__ = ["draw_face", "subject"]
