"""Random wav2vec 2.0 and HuBERT in the format of `transformers`, kilobytes each."""

from pathlib import Path

import torch
from transformers import HubertConfig, HubertForCTC, Wav2Vec2Config, Wav2Vec2ForCTC

_SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    # As in the published large models.
    "do_stable_layer_norm": True,
    "feat_extract_norm": "layer",
    "conv_bias": True,
}


def write_wav2vec2(folder: Path, seed: int = 0, **changes: object) -> Path:
    """A wav2vec 2.0 with 44 symbols."""
    torch.manual_seed(seed)
    Wav2Vec2ForCTC(Wav2Vec2Config(**(_SMALL | {"vocab_size": 44} | changes))).save_pretrained(
        folder
    )
    return folder


def write_hubert(folder: Path, seed: int = 0) -> Path:
    """A HuBERT fine-tuned on letters, like the published one."""
    torch.manual_seed(seed)
    HubertForCTC(HubertConfig(**_SMALL)).save_pretrained(folder)
    return folder
