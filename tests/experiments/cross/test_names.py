from pathlib import Path

from audioplane.experiments.cross.names import file_labels, unique, video_name


def test_equal_names_get_their_folders():
    assert file_labels([Path("a/one.wav"), Path("b/two.wav")]) == ["one.wav", "two.wav"]
    files = [Path("/x/en/talk.wav"), Path("/x/fr/talk.wav"), Path("/x/fr/other.wav")]
    assert file_labels(files) == ["en/talk.wav", "fr/talk.wav", "other.wav"]
    deep = [Path("/a/en/talk.wav"), Path("/b/en/talk.wav")]
    assert file_labels(deep) == ["a/en/talk.wav", "b/en/talk.wav"]


def test_a_file_that_is_named_twice_gets_a_number():
    assert file_labels([Path("/x/talk.wav")] * 2) == ["talk.wav", "talk.wav-2"]


def test_names_of_videos_are_never_equal():
    first = video_name("me", "en/talk.wav", [])
    assert first == "me-en_talk.wav.mp4"
    assert video_name("me-en", "talk.wav", ["me-en-talk.wav.mp4"]) == "me-en-talk.wav-2.mp4"
    assert video_name("ME", "en_talk.wav", [first]).lower() != first.lower()
    assert unique("me", {"me", "me-2"}) == "me-3"
