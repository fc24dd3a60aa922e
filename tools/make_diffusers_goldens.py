#!/usr/bin/env python3
"""Writes the folders of tests/diffusers/goldens: small random networks as the diffusers package saves
them, one for each part of UNet2DModel's configuration that changes the mathematics, and what the
package computes with them.

    python3 tools/make_diffusers_goldens.py tests/diffusers/goldens

Needs torch, diffusers and safetensors. Each folder holds a model (foldered or flat) and
expected.safetensors: x, t and eps of one evaluation; x_T and x_0 of ten steps of DDIMScheduler made
from the folder's scheduler; and the class of each image where the network wants one.
"""

import inspect
import json
import pathlib
import shutil
import sys

import diffusers
import torch
from safetensors.torch import load_file, save_file

STEPS = 10
OLD_NAMES = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}

SMALL = dict(sample_size=8, in_channels=3, out_channels=3, layers_per_block=1, block_out_channels=(4, 8),
             norm_num_groups=2, attention_head_dim=None, down_block_types=("DownBlock2D", "AttnDownBlock2D"),
             up_block_types=("AttnUpBlock2D", "UpBlock2D"))
PLAIN = dict(down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2)


def case(name, unet=None, scheduler=None, dtype=torch.float32, **options):
    return dict(name=name, unet={**SMALL, **(unet or {})}, scheduler=scheduler or {}, dtype=dtype, **options)


CASES = [
    # What is written is only what differs from the defaults: head_dim 8, eps 1e-5, padding 1 ...
    case("defaults", dict(block_out_channels=(8, 16), attention_head_dim=8), minimal=True, dtype=torch.float16),
    # The published DDPM networks, as they are stored.
    case("ddpm", dict(norm_eps=1e-6, downsample_padding=0, flip_sin_to_cos=False, freq_shift=1),
         dict(variance_type="fixed_large"), scheduler_class="DDPMScheduler", old_names=True, flat=True),
    case("up_unlike_down", dict(block_out_channels=(4, 4, 8), attention_head_dim=2,
                                down_block_types=("AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
                                up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D")),
         dict(timestep_spacing="trailing"), old_names=True, dtype=torch.float16),
    case("resnet_blocks", dict(resnet_time_scale_shift="scale_shift", attn_norm_num_groups=4, attention_head_dim=4,
                               down_block_types=("ResnetDownsampleBlock2D", "AttnDownBlock2D"),
                               up_block_types=("AttnUpBlock2D", "ResnetUpsampleBlock2D"), upsample_type="resnet"),
         dict(beta_schedule="squaredcos_cap_v2"), dtype=torch.bfloat16),
    case("scale_shift", dict(resnet_time_scale_shift="scale_shift", mid_block_scale_factor=1.4142,
                             down_block_types=("AttnDownBlock2D", "DownBlock2D"), downsample_type="resnet"),
         dict(timestep_spacing="linspace"), dtype=torch.float16),
    case("no_middle_attention", dict(add_attention=False, act_fn="gelu", center_input_sample=True, **PLAIN),
         dict(set_alpha_to_one=False, steps_offset=1), dtype=torch.float16),
    case("no_middle", dict(mid_block_type=None, act_fn="relu", in_channels=1, out_channels=1, layers_per_block=2,
                           **PLAIN), dict(beta_schedule="scaled_linear"), dtype=torch.float16),
    case("fourier", dict(time_embedding_type="fourier", act_fn="mish"), dict(timestep_spacing="trailing")),
    case("learned_times", dict(time_embedding_type="learned", num_train_timesteps=100),
         dict(num_train_timesteps=100), dtype=torch.float16),
    case("classes", dict(num_class_embeds=5), dict(prediction_type="v_prediction"), classes=[4, 1]),
    case("class_as_time", dict(class_embed_type="timestep", time_embedding_dim=12), classes=[7, 2],
         dtype=torch.float16),
    case("class_vectors", dict(class_embed_type="identity"), classes="vectors", dtype=torch.float16),
    case("part_of_a_head", dict(block_out_channels=(4, 12), attention_head_dim=8),
         dict(thresholding=True, clip_sample=False, sample_max_value=1.5), dtype=torch.float16),
    case("zero_snr", dict(out_channels=3, **PLAIN),
         dict(prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing",
              clip_sample=False),
         dtype=torch.float16),
    case("predicts_x0", dict(dropout=0.1, sample_size=(6, 8), **PLAIN), dict(prediction_type="sample", clip_sample_range=0.5),
         dtype=torch.float16),
]


def make_unet(spec, generator):
    unet = diffusers.UNet2DModel(**spec["unet"]).eval()
    with torch.no_grad():
        for name, parameter in unet.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "time_proj" in name:
                parameter.copy_(noise * (2.0 if parameter.dim() == 1 else 1.0))
            elif "class_embedding.weight" in name:
                parameter.copy_(noise)
            elif "norm" in name:  # norms that start at 1 and 0 hide mistakes
                parameter.copy_(noise * 0.2 + (1.0 if name.endswith("weight") else 0.0))
            elif name.endswith("weight"):
                # Small steps at the end: a sampler multiplies the rounding errors of a wild network.
                size = 0.2 if name == "conv_out.weight" else 1.0
                parameter.copy_(size * noise / parameter[0].numel() ** 0.5)
            else:
                parameter.copy_(noise * 0.1)
            parameter.copy_(parameter.to(spec["dtype"]).float())
    return unet


def class_labels(spec, unet, generator, count):
    classes = spec.get("classes")
    if classes is None:
        return None
    if classes == "vectors":
        return torch.randn((count, unet.time_embedding.linear_2.out_features), generator=generator)
    return torch.tensor(classes)


def store(spec, unet, scheduler, folder):
    diffusers.DDIMPipeline(unet, scheduler).save_pretrained(folder)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = {name: tensor.to(spec["dtype"]) for name, tensor in load_file(weights).items()}
    if spec.get("old_names"):
        for new, old in OLD_NAMES.items():
            tensors = {name.replace(new, old): tensor for name, tensor in tensors.items()}
    save_file(tensors, weights, metadata={"format": "pt"})
    (folder / "scheduler" / "scheduler_config.json").write_text(scheduler.to_json_string())
    config_file = folder / "unet" / "config.json"
    config = json.loads(config_file.read_text())
    if spec.get("minimal"):
        parameters = inspect.signature(diffusers.UNet2DModel.__init__).parameters
        defaults = {name: parameter.default for name, parameter in parameters.items() if name != "self"}
        defaults = json.loads(json.dumps(defaults))  # tuples become lists
        config = {name: value for name, value in config.items() if defaults.get(name, "none") != value}
    config_file.write_text(json.dumps(config, indent=2) + "\n")
    if spec.get("flat"):
        for part in ("unet", "scheduler"):
            for file in (folder / part).iterdir():
                file.rename(folder / file.name)
            (folder / part).rmdir()


@torch.no_grad()
def expected(unet, scheduler, labels, generator):
    config = unet.config
    size = config.sample_size
    shape = (2, config.in_channels, *(size if isinstance(size, (list, tuple)) else (size, size)))
    x = torch.randn(shape, generator=generator)
    last = scheduler.config.num_train_timesteps - 1
    t = torch.tensor([3, last - 5])
    result = {"x": x, "t": t.float(), "eps": unet(x, t, class_labels=labels).sample}
    if labels is not None:
        result["class_vectors" if labels.dim() == 2 else "classes"] = labels.float()

    ddim = diffusers.DDIMScheduler.from_config(scheduler.config)
    ddim.set_timesteps(STEPS)
    x_t = torch.randn(shape, generator=generator)
    result["x_T"] = x_t.clone()
    result["timesteps"] = ddim.timesteps.float()
    for step in ddim.timesteps:
        x_t = ddim.step(unet(x_t, step, class_labels=labels).sample, step, x_t, eta=0.0).prev_sample
    result["x_0"] = x_t
    return {name: tensor.contiguous() for name, tensor in result.items()}


def main():
    root = pathlib.Path(sys.argv[1])
    for seed, spec in enumerate(CASES):
        generator = torch.Generator().manual_seed(seed)
        folder = root / spec["name"]
        shutil.rmtree(folder, ignore_errors=True)
        unet = make_unet(spec, generator)
        scheduler = getattr(diffusers, spec.get("scheduler_class", "DDIMScheduler"))(**spec["scheduler"])
        store(spec, unet, scheduler, folder)
        values = expected(unet, scheduler, class_labels(spec, unet, generator, 2), generator)
        save_file(values, folder / "expected.safetensors")
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        print(f"{spec['name']:20} {size:7} bytes, eps {values['eps'].std():.3f}, x_0 {values['x_0'].std():.3f}, "
              f"largest {values['x_0'].abs().max():.3f}")


main()
