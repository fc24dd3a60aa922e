"""The DDPM U-Net (Ho et al., arXiv:2006.11239) in PyTorch, for the comparison only: what a user of PyTorch would write.

Parameters bear diffusers' names, so that a state dict of this module is the weight file of a diffusers folder.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

NORM_GROUPS, NORM_EPSILON = 32, 1e-6


def norm(channels):
    return nn.GroupNorm(NORM_GROUPS, channels, eps=NORM_EPSILON)


class ResBlock(nn.Module):
    def __init__(self, c_in, c_out, c_time, dropout):
        super().__init__()
        self.norm1, self.conv1 = norm(c_in), nn.Conv2d(c_in, c_out, 3, padding=1)
        self.time_emb_proj = nn.Linear(c_time, c_out)
        self.norm2, self.conv2 = norm(c_out), nn.Conv2d(c_out, c_out, 3, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.conv_shortcut = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else nn.Identity()

    def forward(self, x, silu_temb):
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.time_emb_proj(silu_temb)[:, :, None, None]
        h = self.conv2(self.dropout(F.silu(self.norm2(h))))
        return self.conv_shortcut(x) + h


class Attention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.group_norm = norm(channels)
        self.to_q, self.to_k, self.to_v = (nn.Linear(channels, channels) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x):
        n, c, height, width = x.shape
        h = self.group_norm(x).flatten(2).transpose(1, 2)  # [N,L,C]
        h = F.scaled_dot_product_attention(*(f(h).unsqueeze(1) for f in (self.to_q, self.to_k, self.to_v))).squeeze(1)
        return x + self.to_out[0](h).transpose(1, 2).reshape(n, c, height, width)


class Downsample(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x):
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    """Pairs of res block and attention, then at most one change of resolution."""

    def __init__(self, resnets, attentions, downsampler=None, upsampler=None):
        super().__init__()
        self.attentions = nn.ModuleList(attentions)
        self.resnets = nn.ModuleList(resnets)
        if downsampler is not None:
            self.downsamplers = nn.ModuleList([downsampler])
        if upsampler is not None:
            self.upsamplers = nn.ModuleList([upsampler])

    def layer(self, i, h, silu_temb):
        h = self.resnets[i](h, silu_temb)
        return self.attentions[i](h) if len(self.attentions) else h


class TimeEmbedding(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, 4 * channels)

    def forward(self, x):
        return self.linear_2(F.silu(self.linear_1(x)))


class UNet(nn.Module):
    def __init__(self, block_out_channels, layers_per_block, attention_levels, image_channels=3, dropout=0.0):
        super().__init__()
        first, c_time = block_out_channels[0], 4 * block_out_channels[0]
        num_levels = len(block_out_channels)
        self.num_frequencies = first // 2
        self.conv_in = nn.Conv2d(image_channels, first, 3, padding=1)
        self.time_embedding = TimeEmbedding(first)

        def attentions(level, count):
            return [Attention(block_out_channels[level]) for _ in range(count)] if level in attention_levels else []

        skips, c = [first], first
        self.down_blocks = nn.ModuleList()
        for level, c_out in enumerate(block_out_channels):
            resnets = [ResBlock(c if i == 0 else c_out, c_out, c_time, dropout) for i in range(layers_per_block)]
            c, last = c_out, level + 1 == num_levels
            skips += [c] * (layers_per_block + (not last))
            self.down_blocks.append(Level(resnets, attentions(level, layers_per_block),
                                          downsampler=None if last else Downsample(c)))
        self.mid_block = Level([ResBlock(c, c, c_time, dropout) for _ in range(2)], [Attention(c)])
        self.up_blocks = nn.ModuleList()
        for level in reversed(range(num_levels)):
            resnets = []
            for _ in range(layers_per_block + 1):
                resnets.append(ResBlock(c + skips.pop(), block_out_channels[level], c_time, dropout))
                c = block_out_channels[level]
            self.up_blocks.append(Level(resnets, attentions(level, layers_per_block + 1),
                                        upsampler=None if level == 0 else Upsample(c)))
        self.conv_norm_out, self.conv_out = norm(c), nn.Conv2d(c, image_channels, 3, padding=1)

    def forward(self, x, t):
        """x [N,C,H,W], t [N] -> eps [N,C,H,W]"""
        exponents = torch.arange(self.num_frequencies, dtype=x.dtype, device=x.device) / (self.num_frequencies - 1)
        angles = t[:, None].to(x.dtype) * torch.exp(-math.log(10000.0) * exponents)
        silu_temb = F.silu(self.time_embedding(torch.cat([angles.sin(), angles.cos()], dim=1)))

        h = self.conv_in(x)
        skips = [h]
        for block in self.down_blocks:
            for i in range(len(block.resnets)):
                h = block.layer(i, h, silu_temb)
                skips.append(h)
            if hasattr(block, "downsamplers"):
                h = block.downsamplers[0](h)
                skips.append(h)
        h = self.mid_block.resnets[0](h, silu_temb)
        h = self.mid_block.resnets[1](self.mid_block.attentions[0](h), silu_temb)
        for block in self.up_blocks:
            for i in range(len(block.resnets)):
                h = block.layer(i, torch.cat([h, skips.pop()], dim=1), silu_temb)
            if hasattr(block, "upsamplers"):
                h = block.upsamplers[0](h)
        return self.conv_out(F.silu(self.conv_norm_out(h)))
