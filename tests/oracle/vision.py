"""torchvision without its compiled operators, which fit one build of PyTorch; none is used here."""

import pytest

torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs it: make oracle")
library = torch.library.Library("torchvision", "DEF")
for operator in ("nms", "qnms"):
    library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
v2 = pytest.importorskip("torchvision.transforms.v2", reason="needs torchvision: make oracle")
ops = pytest.importorskip("torchvision.ops", reason="needs torchvision: make oracle")
