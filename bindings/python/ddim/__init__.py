"""Denoising diffusion implicit models (arXiv:2010.02502) on the CPU.

    import ddim

    model = ddim.load("fashion-mnist")
    pictures = model.sample(steps=20, count=16, seed=7)                  # float32 [16,H,W,C], -1 black to 1 white
    for picture in model.sample(steps=20, count=4, output="pil"):
        picture.show()

Pictures and states are NumPy arrays [N,H,W,C] of float32. Functions that take some also take float16, bfloat16 and
float64, and what speaks DLPack, such as PyTorch tensors on the CPU; where they are pictures or masks, also uint8 (0 black to
255 white), uint16 (to 65535) and bool (False black, True white). All that takes time releases the interpreter's lock;
Ctrl-C ends it with KeyboardInterrupt. A picture depends on the model, the options, the seed and its number, and on the
build: not on how many are drawn, nor on `batch` and `threads`.
"""

from __future__ import annotations

import json
import operator
import os
from typing import Any, Callable, Iterable, Optional, Sequence, Union

import numpy as np

from . import _core, errors
from .errors import CorruptError, Error, FileError, InternalError, Interrupted, NumericError, RequestError

__version__: str = _core.version()

__all__ = [
    "Codes", "CorruptError", "Error", "FileError", "InternalError", "Interrupted", "Model", "NumericError",
    "RequestError", "codes", "evaluate", "from_function", "interpolate", "load", "models", "read_codes", "to_bytes",
    "to_pil", "train", "version_details",
]  # fmt: skip

Progress = Callable[[int, int], None]
Numbers = Union[float, Sequence[float]]
# The options of Model.sample() that are none of those by which evaluate() draws.
_NOT_OF_DRAWING = ("noise", "init", "mask", "strength", "init_by", "batch", "threads", "callback", "output")
version_details: Callable[[], str] = _core.version_details


def _whole(value: Any, what: str, least: int = -(2**63), most: int = 2**63 - 1) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise RequestError(f"{what} must be a whole number; got {value!r}") from None
    if not least <= number <= most:
        raise RequestError(f"{what} must be a whole number from {least} to {most}; got {number}")
    return number


def _whole_or_none(value: Any, what: str) -> Optional[int]:
    return None if value is None else _whole(value, what)


def _seed(value: Any, what: str = "seed") -> int:
    return _whole(value, what, 0, 2**64 - 1)


def _running(batch: Any, threads: Any) -> tuple[int, int]:
    return _whole(batch, "batch"), _whole(threads, "threads", 0, 2**31 - 1)


def _reals(values: Iterable, what: str) -> list[float]:
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError):
        raise RequestError(f"{what} must be a list of numbers; got {values!r}") from None


def _several(values: Any, *one: type) -> list:
    """One alone counts as a list of it."""
    return [values] if isinstance(values, one) else list(values)


def _number(value: Any, what: str) -> str:
    try:
        return str(operator.index(value))
    except TypeError:
        pass
    try:
        return repr(float(value))
    except (TypeError, ValueError):
        raise RequestError(f"{what} must be a number or a word; got {value!r}") from None


def _list(values: Any, what: str) -> str:
    try:
        numbers = np.atleast_1d(values).tolist()
    except ValueError:  # of lists of different lengths
        numbers = []
    if not numbers:
        raise RequestError(f"{what} must be a name, or one number or more; got {values!r}")
    return ",".join(_number(value, what) for value in numbers)


def _word_of_class(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return f"number:{operator.index(value)}"
    except TypeError:
        raise RequestError(f"class_ must be a number or a name; got {value!r}") from None


def _recipe(options: dict[str, Any]) -> dict[str, str]:
    """Options of Python under the names and with the words of recipes."""
    recipe = {}
    for name, value in options.items():
        if value is None:
            continue
        if name == "class_":
            recipe["class"] = _list(value, name)
        elif name == "eta" and isinstance(value, str) and value == "sigma-hat":
            recipe["sigma_hat"] = "true"
        elif isinstance(value, str):
            recipe[name] = value
        elif name == "tau":
            recipe[name] = _list(value, name)
        elif isinstance(value, (bool, np.bool_)) or np.ndim(value) != 0:
            raise RequestError(f"{name} must be a number or a word; got {value!r}")
        else:
            recipe[name] = _number(value, name)
    return recipe


_FLOATS = ("float16", "bfloat16", "float32", "float64")
# White, by the type of the pictures; black is 0. Floats are on the scale of -1 to 1.
_WHITE = {"bool": 1, "uint8": 255, "uint16": 65535}


def _numbers(values: Any, what: str) -> np.ndarray:
    """Of NumPy, of a tensor of PyTorch that may need gradients, or of what speaks DLPack alone."""
    if hasattr(values, "detach"):
        values = values.detach()
        if str(values.dtype) == "torch.bfloat16":  # NumPy has none
            values = values.float()
    try:
        if hasattr(values, "__dlpack__") and not hasattr(values, "__array__"):
            values = np.from_dlpack(values)
        return np.asarray(values)
    except (BufferError, RuntimeError, TypeError, ValueError) as reason:
        raise RequestError(f"{what} must be an array of numbers [N,H,W,C]; {reason}") from None


def _array(values: Any, what: str, types: Iterable[str]) -> np.ndarray:
    """[N,H,W,C] of one of these types."""
    array = _numbers(values, what)
    if array.dtype.name not in types:
        raise RequestError(f"{what} must be an array [N,H,W,C] of {', '.join(types)}; got {array.dtype.name}")
    if array.ndim != 4:
        raise RequestError(f"{what} must be [N,H,W,C], with 4 dimensions; got {array.ndim}, {list(array.shape)}")
    return array


def _states(values: Any, what: str) -> np.ndarray:
    """float32 of floats, which need not be pictures."""
    return np.ascontiguousarray(_array(values, what, _FLOATS), dtype=np.float32)


def _pictures(values: Any, what: str) -> np.ndarray:
    """float32 from -1 black to 1 white; False, and 0 of uint8 and uint16, are black."""
    array = _array(values, what, (*_FLOATS, *_WHITE))
    white = _WHITE.get(array.dtype.name)
    array = np.ascontiguousarray(array, dtype=np.float32)
    return array if white is None else array / np.float32(white / 2) - np.float32(1)


def to_bytes(pictures: Any) -> np.ndarray:
    """Pictures [N,H,W,C] as uint8, 0 black to 255 white, rounded as the program does: floor(255 y + 0.5),
    y = (x + 1) / 2 in [0, 1]."""
    array = _array(pictures, "pictures", (*_FLOATS, *_WHITE))
    if array.dtype == np.uint8:
        return array
    half = np.float32(0.5)
    y = np.clip(_pictures(array, "pictures") * half + half, 0, 1)
    if np.isnan(y).any():
        raise NumericError("pictures hold NaN, which is no grey level")
    return np.floor(y * np.float32(255) + half).astype(np.uint8)


def to_pil(pictures: Any) -> list:
    """A PIL.Image for each picture of [N,H,W,C], with 1, 3 or 4 channels. Needs Pillow."""
    array = to_bytes(pictures)
    _check_output("pil", array.shape[-1])
    from PIL import Image

    return [Image.fromarray(p[..., 0] if p.shape[-1] == 1 else p) for p in array]


def _check_output(output: str, channels: int) -> None:
    """Before pictures are drawn for it."""
    if output not in ("float", "uint8", "pil"):
        raise RequestError(f'output: unknown value "{output}"; choose one of float, uint8, pil')
    if output != "pil":
        return
    import PIL.Image  # noqa: F401

    if channels not in (1, 3, 4):
        raise RequestError(f"Pillow has pictures of 1, 3 or 4 channels, and these have {channels}")


def _as(pictures: np.ndarray, output: str) -> Any:
    if output == "float":
        return pictures
    if output == "uint8":
        return to_bytes(pictures)
    return to_pil(pictures)


class Codes:
    """What Model.encode() makes of pictures: states, and the steps between them and the pictures."""

    def __init__(self, core: _core.Codes) -> None:
        self._core = core

    @property
    def x_T(self) -> np.ndarray:
        """The states, float32 [N,H,W,C]: a copy at each access, whose changes the codes do not get. Keep it where you
        need it more than once."""
        return self._core.x_T

    @property
    def tau(self) -> list[float]:
        """The steps that Model.decode() visits."""
        return self._core.tau

    @property
    def nfe(self) -> float:
        """Network evaluations per picture."""
        return self._core.nfe

    @property
    def residual(self) -> float:
        """Of an exact encoding: the largest error of a pixel that was left in undoing one step."""
        return self._core.residual

    def save(self, path: Union[str, os.PathLike], overwrite: bool = False) -> None:
        """Writes them to a safetensors file, which read_codes() reads."""
        self._core.save(os.fspath(path), overwrite)


class Model:
    """A trained network, or a function of yours, with its forward process; see load() and from_function().

    Several threads may use one model at the same time.
    """

    def __init__(self, core: _core.Model) -> None:
        self._core = core

    @property
    def info(self) -> dict[str, Any]:
        """name, width, height, channels, num_parameters, num_classes, class_names, T, schedule, prediction ..."""
        return self._core.info

    @property
    def weights_hash(self) -> str:
        """A name for the weights, 64 hexadecimal digits, whatever file they came from; "custom" of from_function()."""
        return self._core.weights_hash

    def __repr__(self) -> str:
        info = self.info
        return f"<ddim.Model {info['name']}: {info['width']}x{info['height']}x{info['channels']}>"

    def sample(
        self, *, steps: Optional[int] = None, eta: Union[float, str] = 0.0, count: Optional[int] = None, seed: int = 0,
        class_: Union[int, str, Sequence, None] = None, guidance: float = 1.0, sampler: str = "ddim",
        tau: Union[str, Sequence[float]] = "linear", clip: str = "none", clip_range: Optional[float] = None,
        threshold: Optional[float] = None, threshold_max: Optional[float] = None, steps_offset: int = 0,
        final_alpha: str = "one", tolerance: Optional[float] = None, first_image: int = 0,
        null_class: Optional[int] = None, noise: Any = None, init: Any = None, mask: Any = None,
        strength: Optional[float] = None, init_by: str = "noise", batch: int = 16, threads: int = 0,
        callback: Optional[Progress] = None, output: str = "float",
    ) -> Any:  # fmt: skip
        """Draws pictures: [count,H,W,C].

        steps: 50, or as many as the model has where these are fewer, unless you say otherwise. count: 1, or as many as
        noise has.
        eta: 0 is DDIM, 1 is DDPM, "sigma-hat" DDPM's larger variance. class_: a number or name, several, which the
        pictures take in turn, or "all". tau, sampler, clip, final_alpha: the words of `ddim sample`; tau may be a list
        of steps. noise: states to start from, [N,H,W,C], instead of the seed. init: pictures to start from,
        [count or 1,H,W,C], by noise or by encoding (init_by); strength is the fraction of the steps that is then taken
        (default 0.8, with a mask or the sampler adaptive 1). mask: [1,H,W,C], of which the white part of init is redrawn, the black part kept.
        An option other than its default that has no effect beside the others is refused, as by the program.
        callback(done, total): network evaluations; what it raises ends the run and is raised here. output: "float"
        (-1 to 1), "uint8" or "pil".
        """
        _check_output(output, self.info["channels"])
        options = dict(
            steps=steps, eta=eta, count=count, seed=seed, class_=class_, guidance=guidance, sampler=sampler, tau=tau,
            clip=clip, clip_range=clip_range, threshold=threshold, threshold_max=threshold_max,
            steps_offset=steps_offset, final_alpha=final_alpha, tolerance=tolerance, first_image=first_image,
            null_class=null_class,
        )  # fmt: skip
        if init is not None:
            usual = _core.usual_strength(mask is not None, sampler)
            options.update(init_by=init_by, strength=usual if strength is None else strength)
        else:
            for name, is_said in (("mask", mask is not None), ("strength", strength is not None), ("init_by", init_by != "noise")):
                if is_said:
                    raise RequestError(f"{name} needs init: the pictures to start from")
        arrays = [
            None if array is None else read(array, what)
            for array, what, read in ((noise, "noise", _states), (init, "init", _pictures), (mask, "mask", _pictures))
        ]
        return _as(self._core.sample(self._recipe(options), *arrays, *_running(batch, threads), callback), output)

    def _recipe(self, options: dict[str, Any]) -> dict[str, str]:
        class_, null_class = options.get("class_"), options.get("null_class")
        if class_ is not None:
            words = list(class_) if np.iterable(class_) and not isinstance(class_, str) else [class_]
            null = _whole_or_none(null_class, "null_class")
            options["class_"] = self._core.class_numbers([_word_of_class(word) for word in words], null)
        return _recipe(options)

    def encode(
        self, pictures: Any, *, steps: Optional[int] = None, tau: Union[str, Sequence[float], None] = None, exact: bool = False,
        dequantise: str = "none", class_: Union[int, str, Sequence, None] = None, guidance: float = 1.0,
        null_class: Optional[int] = None, batch: int = 16, threads: int = 0, callback: Optional[Progress] = None,
    ) -> Codes:  # fmt: skip
        """Pictures [N,H,W,C] (-1 to 1, uint8 or uint16) as the noise that the model draws them from (the paper's 5.4).

        exact undoes the decoder's steps one by one; tau is then "quadratic" unless you say otherwise. dequantise: "none",
        "uniform" or "gaussian" noise of about a grey level, which makes the codes of flat regions Gaussian.
        """
        recipe = self._recipe(dict(steps=steps, tau=tau, class_=class_, guidance=guidance, null_class=null_class))
        pictures = _pictures(pictures, "pictures")
        return Codes(self._core.encode(pictures, recipe, exact, dequantise, *_running(batch, threads), callback))

    def decode(
        self, codes: Codes, *, class_: Union[int, str, Sequence, None] = None, guidance: float = 1.0,
        null_class: Optional[int] = None, clip: str = "none", clip_range: Optional[float] = None,
        threshold: Optional[float] = None, threshold_max: Optional[float] = None, other_weights: bool = False,
        batch: int = 16, threads: int = 0, callback: Optional[Progress] = None, output: str = "float",
    ) -> Any:  # fmt: skip
        """The pictures that codes stand for, [N,H,W,C]. other_weights: also of codes that another model made."""
        _check_output(output, self.info["channels"])
        recipe = self._recipe(
            dict(class_=class_, guidance=guidance, null_class=null_class, clip=clip, clip_range=clip_range,
                 threshold=threshold, threshold_max=threshold_max)
        )  # fmt: skip
        if not isinstance(codes, Codes):
            raise RequestError(f"codes must be what encode(), codes() or read_codes() returned; got {type(codes).__name__}")
        core = _core.make_codes(codes.x_T, codes.tau) if other_weights else codes._core
        return _as(self._core.decode(core, recipe, *_running(batch, threads), callback), output)

    def interpolate(self, ends: Any, frames: int = 11, **options: Any) -> Any:
        """Pictures between states (see ddim.interpolate()), or between the pictures of two or four seeds."""
        if not hasattr(ends, "shape"):
            ends = list(ends) if np.iterable(ends) else [ends]
        elif len(ends.shape) == 1:
            ends = ends.tolist()
        if isinstance(ends, list) and all(isinstance(end, (int, np.integer)) for end in ends):
            if len(ends) not in (2, 4):
                raise RequestError(f"ends must be two or four; got {len(ends)}")
            ends = np.concatenate([self.noise(_seed(seed, "ends")) for seed in ends])
        return self.sample(noise=interpolate(ends, frames), **options)

    def noise(self, seed: int, count: int = 1, first_image: int = 0) -> np.ndarray:
        """The states that sample() starts from, [count,H,W,C]."""
        return self._core.draw_noise(_seed(seed), _whole(count, "count"), _whole(first_image, "first_image"))

    def load_pictures(
        self, files: Union[str, os.PathLike, Sequence[Union[str, os.PathLike]]], fit: str = "none"
    ) -> np.ndarray:
        """Picture files, or one, with the model's size and channels, [N,H,W,C]. fit: "none", "crop-resize" or "pad"."""
        return self._core.load_pictures([os.fspath(file) for file in _several(files, str, bytes, os.PathLike)], fit)

    def load_mask(self, file: Union[str, os.PathLike], fit: str = "none") -> np.ndarray:
        """A mask for sample(), [1,H,W,C], from a picture file. What is transparent in it counts as black."""
        return self._core.load_mask(os.fspath(file), fit)

    def plan(
        self, *, steps: Optional[int] = None, tau: Union[str, Sequence[float]] = "linear", sampler: str = "ddim",
        eta: Union[float, str] = 0.0, clip: str = "none", steps_offset: int = 0, final_alpha: str = "one",
        tolerance: Optional[float] = None,
    ) -> dict[str, Any]:  # fmt: skip
        """What a sampler will do: a dict with "steps", each with t, t_prev, sqrt_alpha_bar, snr and sigma."""
        options = dict(steps=steps, tau=tau, sampler=sampler, eta=eta, clip=clip, steps_offset=steps_offset,
                       final_alpha=final_alpha, tolerance=tolerance)  # fmt: skip
        return json.loads(self._core.plan(_recipe(options)))

    def eps_error(
        self, data: Union[str, os.PathLike], *, t: Sequence[int] = (10, 100, 500, 900), split: Optional[str] = None,
        max_images: Optional[int] = None, fit: Optional[str] = None, seed: int = 0, batch: int = 16, threads: int = 0,
        callback: Optional[Progress] = None,
    ) -> dict[int, tuple[float, float]]:  # fmt: skip
        """How well the model predicts the noise in pictures of a data set: for each t the mean squared error per
        element, with half of its 95 % interval. split: "train", "val" or "test". fit, for pictures of another size:
        "none", "crop-resize" or "pad"; without it as in the model's training."""
        steps = [_whole(step, "t") for step in (t if np.iterable(t) else [t])]
        return self._core.eps_error(os.fspath(data), split, _whole_or_none(max_images, "max_images"), fit,
                                    steps, _seed(seed), *_running(batch, threads), callback)  # fmt: skip


def load(name: Union[str, os.PathLike], *, precision: str = "fp32", weights: Optional[str] = None,
         device: str = "cpu", memory: str = "normal", pull: bool = False) -> Model:  # fmt: skip
    """Loads a model: a folder or file, a training run (its newest checkpoint), the name of a shipped model, or
    "owner/name" of the hub, from the cache; pull fetches it where it is not there.

    precision: "fp32", "bf16", or "bf16x3" on a GPU. weights: "ema" or "raw", of checkpoints that have both. device: "cpu", "cuda" or
    "reference". memory: "normal", or "low", which transforms weights again in each call.
    """
    return Model(_core.load(os.fspath(name), precision, weights, device, memory, pull))


def from_function(
    predict: Callable[[np.ndarray, float], Any], shape: Sequence[int], *, schedule: str = "linear",
    beta_start: float = 1e-4, beta_end: float = 0.02, T: int = 1000, betas: Optional[Sequence[float]] = None,
    prediction: str = "eps", name: str = "denoiser",
) -> Model:  # fmt: skip
    """A model whose network is a function of yours: predict(x_t, t) returns what it predicts (eps, x0 or v) for the
    states x_t [N,H,W,C], which it must not change, at the step t (0 to T-1). `shape` is (H,W,C).

    What a picture gets must not depend on the others of a call; several threads call at once (threads=1: one). With
    PyTorch, `torch.from_dlpack(x_t)` is the same memory:

        def predict(x_t, t):
            x = torch.from_dlpack(x_t).permute(0, 3, 1, 2)
            with torch.no_grad():
                return unet(x, torch.tensor(t)).sample.permute(0, 2, 3, 1).contiguous()

    t is a float and may lie between two steps (tau="log-snr", sampler="adaptive"); diffusers rounds it down where it is
    a number of Python's, and takes a tensor as it is.
    """
    sides = list(shape) if np.iterable(shape) else [shape]
    if len(sides) != 3:
        raise RequestError(f"shape must be (H,W,C), three whole numbers; got {shape!r}")
    height, width, channels = (_whole(side, "shape") for side in sides)
    beta_start, beta_end = _reals([beta_start, beta_end], "beta_start, beta_end")

    def as_array(x_t: Any, t: float) -> Any:
        made = _states(predict(x_t, t), "what the denoiser returned")
        if made.shape != x_t.shape:
            raise RequestError(f"the denoiser returned {made.shape} for states of {x_t.shape}")
        return made

    return Model(
        _core.from_function(as_array, height, width, channels, schedule, beta_start, beta_end, _whole(T, "T"),
                            _reals(betas, "betas") if betas is not None else [], prediction, name)
    )  # fmt: skip


def interpolate(ends: Any, frames: int = 11) -> np.ndarray:
    """States between two states (a line of `frames`) or four (frames x frames), by spherical interpolation (eq. 67)."""
    return _core.interpolate(_states(ends, "ends"), _whole(frames, "frames"))


def codes(x_T: Any, tau: Sequence[float]) -> Codes:
    """Codes made of states [N,H,W,C] and the steps that decode() is to visit."""
    return Codes(_core.make_codes(_states(x_T, "x_T"), _reals(tau, "tau")))


def read_codes(path: Union[str, os.PathLike]) -> Codes:
    """Codes from a safetensors file, as `ddim encode` and Codes.save() write it."""
    return Codes(_core.read_codes(os.fspath(path)))


def models(folder: Union[str, os.PathLike] = ".") -> list[dict[str, str]]:
    """The models that load() finds: dicts with name, folder and place ("shipped", "cached" or "local")."""
    return _core.models(os.fspath(folder))


def evaluate(
    first: Union[str, os.PathLike, Model], second: Union[str, os.PathLike, None] = None, *,
    drawing: Optional[dict[str, Any]] = None, extractor: Union[str, os.PathLike] = "resnet56-cifar10",
    fit: str = "none", resizing: str = "pytorch-bilinear", split: Optional[str] = None,
    second_split: Optional[str] = None, max_images: Optional[int] = None, shrink: bool = False, seed: int = 0,
    save_statistics: Union[str, os.PathLike, None] = None, overwrite: bool = False, batch: int = 16, threads: int = 0,
    callback: Optional[Progress] = None,
) -> dict[str, tuple[float, float]]:  # fmt: skip
    """Compares two sets of pictures (folders, .npz files, data sets, statistics), the reference last: a dict of
    measures, each a pair of value and half of its 95 % interval.

    The first may be a model: `drawing` then has the options of Model.sample() by which it draws (steps=50, count=10000
    ...), all but noise, init, mask and what belongs to these, and batch, threads, callback and output. The pictures of
    the second then get to the model's size as in its training before fit does anything. save_statistics: an .npz file
    for the statistics of the first, which can be a set of later calls; the second is not needed then. Of pictures that
    are read, split ("train", "val" or "test") is the part of a data set, second_split that of the second where it is
    another one, and max_images how many are read of each.
    """
    if second is None and save_statistics is None:
        raise RequestError("evaluate needs a second set of pictures, or save_statistics")
    model, recipe = None, {}
    if isinstance(first, Model):
        said = {name: value for name, value in (drawing or {}).items() if value is not None}
        refused = [name for name in drawing or {} if name in _NOT_OF_DRAWING or name not in Model.sample.__kwdefaults__]
        if refused:
            raise RequestError(f"drawing does not take {', '.join(refused)}; evaluate() itself takes batch, threads, callback")
        recipe = first._recipe({"count": 10000, "seed": seed, **said})
        model, first = first._core, ""
    elif drawing is not None:
        raise RequestError("drawing says how a model draws, but the first set is not a model")
    return _core.evaluate(model, recipe, os.fspath(first), None if second is None else os.fspath(second),
                          os.fspath(extractor), fit, resizing, split, second_split,
                          _whole_or_none(max_images, "max_images"), shrink, _seed(seed),
                          None if save_statistics is None else os.fspath(save_statistics), overwrite,
                          *_running(batch, threads), callback)  # fmt: skip


def train(config: Union[str, os.PathLike, None] = None, *, data: Union[str, os.PathLike] = "",
          out: Union[str, os.PathLike], resume: bool = False, init: Union[str, os.PathLike, None] = None,
          max_steps: Optional[int] = None, device: str = "cpu", overrides: Union[str, Sequence[str]] = (),
          resume_from: Optional[int] = None,
          callback: Optional[Callable[[dict], None]] = None) -> dict[str, Any]:  # fmt: skip
    """Trains a model as `ddim train` does: a configuration (TOML), the pictures, and the folder of the run. With
    resume, configuration and pictures are those of the run, but for overrides, such as
    ["training.learning_rate=1e-4"]; resume_from goes back to the checkpoint of that step. device: "cpu" or "cuda".
    callback gets a dict after each step."""
    return _core.train(None if config is None else os.fspath(config), os.fspath(data), os.fspath(out), resume,
                       None if init is None else os.fspath(init), _whole_or_none(max_steps, "max_steps"), device,
                       _several(overrides, str), _whole_or_none(resume_from, "resume_from"), callback)  # fmt: skip
