from audioplane.progress import Counter, Progress


def test_steps_are_counted_into_reports():
    told: list[Progress] = []
    count = Counter(told.append, "score", 10)
    count()
    count(3)
    count.finish()
    assert [p.done for p in told] == [1, 4, 10] and {p.total for p in told} == {10}


def test_a_task_of_unknown_length_ends_with_what_was_done():
    told: list[Progress] = []
    count = Counter(told.append, "look")
    count(7)
    count.finish()
    assert told[-1] == Progress("look", 7, 7)
