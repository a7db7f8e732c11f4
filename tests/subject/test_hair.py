from audioplane.subject.hair import has_long_hair, is_long_hair


def test_hair_on_the_shoulders_is_long(long_haired, spoken_subject):
    assert has_long_hair(long_haired)
    assert not has_long_hair(spoken_subject)


def test_most_frames_decide():
    assert is_long_hair([0.91, 0.9, 0.1])
    assert not is_long_hair([0.66, 0.66, 1.3])
