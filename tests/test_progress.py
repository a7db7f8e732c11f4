from audioplane.progress import Counter, Progress


def test_steps_are_counted_into_reports():
    reports: list[Progress] = []
    count = Counter(reports.append, "score", 10)
    count()
    count(3)
    count.finish()
    assert [p.done for p in reports] == [1, 4, 10] and {p.total for p in reports} == {10}


def test_a_task_of_unknown_length_ends_with_what_was_done():
    reports: list[Progress] = []
    count = Counter(reports.append, "look")
    count(7)
    count.finish()
    assert reports[-1] == Progress("look", 7, 7)
