from audioplane.train.poses import PoseTable


def test_only_the_rows_asked_for_move():
    table = PoseTable(3)
    table.row(1).sum().backward()
    table.adam.step(0.1)
    assert (table.corrections[[0, 2]] == 0).all() and (table.corrections[1] != 0).all()
    table.centre()
    assert table.corrections.detach().mean(0).abs().max() < 1e-7
