import numpy as np
import torch

from audioplane.drive import Animator
from audioplane.evaluate.figures.dynamism import draw_dynamism, legend
from audioplane.head import BY_AUDIO, Gaussians, Head, HeadShape
from audioplane.run import SubjectFootage


def test_what_speech_moves_is_red_and_the_rest_grey(spoken_subject):
    head = Head(
        HeadShape(feature_dim=80, scales=(1,), grid_size=8), torch.Generator().manual_seed(0)
    )
    means = torch.tensor([[-0.03, 0.0, 0.0], [0.03, 0.0, 0.0]])
    head.gaussians = Gaussians(
        means,
        torch.tensor([[1.0, 0, 0, 0]] * 2),
        torch.full((2, 3), float(np.log(0.03))),
        torch.zeros(2),
        torch.zeros(2, 4, 3),
    )
    head.moved_by = torch.tensor([0, BY_AUDIO], dtype=torch.uint8)
    with torch.no_grad():
        last = head.field.dynamism_rest[-1]
        assert isinstance(last, torch.nn.Linear)
        last.bias.fill_(50.0)
    head.requires_grad_(False)
    refs = spoken_subject.train[:4]
    views = {r.img_id: torch.from_numpy(r.viewmat).float() for r in refs}
    animator = Animator(head, SubjectFootage.of(spoken_subject, list(views)), views)
    codes = animator.codes(spoken_subject.features("mel")[:4])
    front, side = draw_dynamism(animator, codes, refs)
    camera = views[refs[2].img_id].double().numpy() @ np.append(means.T.numpy(), [[1, 1]], 0)
    spots = (spoken_subject.K @ (camera[:3] / camera[2])).T[:, :2]
    still, moving = (front.image[int(y), int(x)].astype(int) for x, y in spots)
    assert np.ptp(still) < 20 and moving[0] > moving[1] + 100
    assert not np.array_equal(front.image, side.image)
    assert legend(10).shape == (12, 10, 3)
