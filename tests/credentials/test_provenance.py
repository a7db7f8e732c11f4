import pytest

from audioplane.credentials.provenance import who_agreed
from audioplane.errors import CredentialsError


def test_a_consent_is_one_line_of_words():
    assert who_agreed(" me \n", "") == "me"
    assert who_agreed("a\nb\x1b[31m \x1b c", "") == "a b[31m c"
    assert who_agreed(" me ", "me") == who_agreed("", "me\n") == "me"


@pytest.mark.parametrize("blank", ["", "  ", "\n", "\x1b"])
def test_a_consent_without_words_is_none(blank):
    with pytest.raises(CredentialsError, match="does not state who agreed"):
        who_agreed(blank, "")
