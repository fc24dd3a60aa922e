"""Tests of the Python module, run by tests/python/run.sh: python -m unittest with `ddim` installed."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import ddim
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]


def program(*words):
    return subprocess.run([sys.executable, "-m", "ddim", *words], capture_output=True, text=True, check=True).stdout


class Ddim(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = ddim.load("fashion-mnist")
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))

    def test_draws_what_the_program_draws(self):
        drawn = self.model.sample(steps=3, count=2, seed=7, eta=0.5, clip="rederive-eps")
        self.assertEqual(drawn.shape, (2, 32, 32, 1))
        self.assertEqual(drawn.dtype, np.float32)
        out = self.folder / "program.npz"
        program("sample", "--model", "fashion-mnist", "--steps", "3", "--count", "2", "--seed", "7", "--eta", "0.5",
                "--clip", "rederive-eps", "--out", str(out), "--quiet")  # fmt: skip
        np.testing.assert_array_equal(ddim.to_bytes(drawn), np.load(out)["arr_0"])
        np.testing.assert_array_equal(self.model.sample(steps=3, seed=7, first_image=1, eta=0.5, clip="rederive-eps",
                                                        batch=1, threads=1)[0], drawn[1])  # fmt: skip

    def test_starts_from_given_noise(self):
        noise = self.model.noise(5, count=3)
        np.testing.assert_array_equal(self.model.sample(steps=2, noise=noise), self.model.sample(steps=2, seed=5, count=3))
        line = self.model.interpolate([5, 6], frames=3, steps=2)
        np.testing.assert_array_equal(line[0], self.model.sample(steps=2, seed=5)[0])
        ends = (self.model.noise(seed)[0] for seed in (5, 6))  # can be read once
        np.testing.assert_array_equal(self.model.interpolate(ends, 3, steps=2), line)
        np.testing.assert_array_equal(self.model.interpolate(iter([5, 6]), 3, steps=2), line)
        np.testing.assert_array_equal(self.model.interpolate(np.array([5, 6]), 3, steps=2), line)
        self.assertEqual(ddim.interpolate(self.model.noise(1, 4), 3).shape, (9, 32, 32, 1))

    def test_encodes_and_decodes(self):
        picture = self.model.load_pictures([ROOT / "docs/pictures/boot.png"], fit="pad")
        np.testing.assert_array_equal(self.model.load_pictures(ROOT / "docs/pictures/boot.png", "pad"), picture)
        codes = self.model.encode(picture, steps=10, exact=True)
        self.assertEqual(len(codes.tau), 10)
        self.assertLess(np.abs(self.model.decode(codes) - picture).max(), 0.05)
        codes.save(self.folder / "codes.safetensors")
        with self.assertRaises(ddim.RequestError):
            codes.save(str(self.folder / "codes.safetensors"), False)  # is there already
        again = ddim.read_codes(self.folder / "codes.safetensors")
        np.testing.assert_array_equal(self.model.decode(again), self.model.decode(ddim.codes(codes.x_T, codes.tau)))
        sharp = self.model.decode(codes, clip="threshold-keep-eps", threshold=0.5, threshold_max=1.1)
        self.assertGreater(np.abs(sharp - self.model.decode(codes, clip="threshold-keep-eps")).max(), 0)
        self.assertTrue((self.model.decode(codes, other_weights=True) == self.model.decode(codes)).all())
        as_bytes = self.model.encode(ddim.to_bytes(picture), steps=2)  # bytes are pictures, too
        self.assertLess(np.abs(as_bytes.x_T - self.model.encode(picture, steps=2).x_T).max(), 0.1)

    def test_starts_from_pictures(self):
        start = self.model.load_pictures([ROOT / "docs/pictures/boot.png"], fit="pad")
        mask = np.full((1, 32, 32, 1), -1, np.float32)
        mask[:, :16] = 1
        said = dict(steps=5, count=2, seed=3, init=start, strength=0.6)
        drawn = self.model.sample(**said, mask=mask)
        np.testing.assert_allclose(drawn[1, 16:], start[0, 16:], atol=1e-6)  # kept
        self.assertGreater(np.abs(drawn[0, :16] - drawn[1, :16]).max(), 0.1)
        out = self.folder / "init.npz"
        program("sample", "--model", "fashion-mnist", "--steps", "5", "--count", "2", "--seed", "3", "--init-image",
                str(ROOT / "docs/pictures/boot.png"), "--resize", "pad", "--out", str(out), "--quiet")  # fmt: skip
        del said["strength"]  # the same default
        np.testing.assert_array_equal(ddim.to_bytes(self.model.sample(**said)), np.load(out)["arr_0"])
        noisy = self.model.encode(start, steps=2, dequantise="gaussian").x_T
        self.assertGreater(np.abs(noisy - self.model.encode(start, steps=2).x_T).max(), 0)
        sharp = self.model.sample(steps=3, clip="threshold-keep-eps", threshold=0.9, threshold_max=1.5)
        self.assertGreater(np.abs(sharp - self.model.sample(steps=3, clip="threshold-keep-eps")).max(), 0)

    def test_types_of_numbers_say_what_is_white(self):
        start = self.model.load_pictures([ROOT / "docs/pictures/boot.png"], fit="pad")
        white = np.zeros((1, 32, 32, 1), bool)
        white[:, :16] = True
        mask = np.where(white, 1, -1).astype(np.float32)
        drawn = self.model.sample(steps=2, seed=3, init=start, mask=mask)
        for kind in (white, white.astype(np.uint8) * 255, white.astype(np.uint16) * 65535, mask.astype(np.float64)):
            with self.subTest(kind.dtype):
                np.testing.assert_array_equal(self.model.sample(steps=2, seed=3, init=start, mask=kind), drawn)
        levels = np.arange(0, 1024, dtype=np.uint16).reshape(1, 32, 32, 1)
        codes = self.model.encode(levels * 64, steps=1).x_T
        as_floats = self.model.encode(levels.astype(np.float64) * 64 / 32767.5 - 1, steps=1).x_T
        self.assertLess(np.abs(codes - as_floats).max(), 1e-4)
        noise = self.model.noise(3)
        half = self.model.sample(steps=2, noise=noise.astype(np.float16))
        self.assertLess(np.abs(half - self.model.sample(steps=2, noise=noise)).max(), 0.1)
        for words, call in [
            ("mask must be an array .* of float16, bfloat16, float32, float64, bool, uint8, uint16; got int64",
             lambda: self.model.sample(init=start, mask=white.astype(np.int64))),
            ("pictures must be an array .*; got complex", lambda: self.model.encode(start * 1j)),
            ("noise must be an array .* of float16, bfloat16, float32, float64; got uint8",
             lambda: self.model.sample(noise=ddim.to_bytes(start))),
            ("ends must be an array .*; got uint8", lambda: ddim.interpolate(np.zeros((2, 4, 4, 1), np.uint8))),
            ("x_T must be an array .*; got bool", lambda: ddim.codes(white, [0, 1])),
            ("what the denoiser returned must be an array .*; got uint8",
             lambda: ddim.from_function(lambda x, t: ddim.to_bytes(x), (4, 5, 2)).sample(steps=1)),
            ("mask selects nothing: all its values are 0, which is black",
             lambda: self.model.sample(init=start, mask=np.zeros_like(white))),
            ("mask selects everything: ", lambda: self.model.sample(init=start, mask=np.ones_like(mask))),
        ]:
            with self.subTest(words), self.assertRaisesRegex(ddim.RequestError, words):
                call()

    def test_bytes_of_pictures(self):
        levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
        np.testing.assert_array_equal(ddim.to_bytes(levels), levels)  # are bytes already
        np.testing.assert_array_equal(ddim.to_bytes(levels / 127.5 - 1), levels)
        np.testing.assert_array_equal(ddim.to_bytes(levels.astype(np.uint16) * 257), levels)
        with self.assertRaisesRegex(ddim.NumericError, "NaN"):
            ddim.to_bytes(np.full((1, 2, 2, 1), np.nan))
        with self.assertRaisesRegex(ddim.RequestError, "with 4 dimensions; got 3"):
            ddim.to_bytes(np.zeros((2, 2, 1)))

    def test_names_of_files_may_be_any_bytes(self):
        odd = os.fsdecode(bytes(self.folder) + b"/caf\xe9")
        os.mkdir(odd)
        with self.assertRaises(ddim.Error) as raised:
            ddim.load(odd)
        self.assertIn("caf\udce9", str(raised.exception))
        self.model.encode(self.model.noise(1), steps=1).save(odd + "/codes.safetensors")
        self.assertEqual(ddim.read_codes(odd + "/codes.safetensors").x_T.shape, (1, 32, 32, 1))
        self.assertIsInstance(ddim.models(odd), list)
        loop = self.folder / "loop"
        loop.symlink_to("loop")
        with self.assertRaisesRegex(OSError, "loop"):  # what the system refuses is no defect of ddim
            ddim.load(loop)

    def test_the_program_is_never_the_script_that_calls_it(self):
        script = self.folder / "ddim"
        script.write_text("#!/bin/sh\nfrom ddim.__main__ import main\n")
        script.chmod(0o755)
        where = "import ddim.__main__ as m, pathlib; m._core.__file__ = '/nowhere/core.so'; print(m._program())"
        found = subprocess.run([sys.executable, "-c", where], env=os.environ | {"PATH": str(self.folder)},
                               capture_output=True, text=True, check=True)  # fmt: skip
        self.assertEqual(found.stdout, "None\n")

    def test_a_thread_that_draws_does_not_disturb_the_end(self):
        draws = ("import ddim, threading, time\nmodel = ddim.load('fashion-mnist')\n"
                 "begun = threading.Event()\n"
                 "def draw():\n  model.sample(steps=1000, count=256, callback=lambda done, total: begun.set())\n"
                 "threading.Thread(target=draw, daemon=True).start()\nbegun.wait()\n")  # fmt: skip
        ended = subprocess.run([sys.executable, "-c", draws], capture_output=True, text=True, timeout=60)
        self.assertEqual(ended.returncode, 0, ended.stderr)

    def test_a_function_of_ours_is_a_model(self):
        # Data that are one picture: the best prediction of the noise is known.
        mean, T = np.float32(0.25), 1000
        alpha_bar = np.cumprod(1 - np.linspace(1e-4, 0.02, T))

        def predict(x_t, t):
            a = alpha_bar[int(t)]
            return (x_t - np.sqrt(a) * mean) / np.sqrt(1 - a)

        kept = []
        model = ddim.from_function(lambda x_t, t: kept.append(x_t) or predict(x_t, t), (4, 5, 2))
        drawn = model.sample(steps=20, count=3)
        # Its own memory, also afterwards: the first state is the noise of some picture.
        self.assertTrue(any(np.array_equal(kept[0][0], noise) for noise in model.noise(0, count=3)))
        self.assertEqual(drawn.shape, (3, 4, 5, 2))
        self.assertEqual(model.weights_hash, "custom")
        self.assertLess(np.abs(drawn - mean).max(), 1e-4)
        with self.assertRaisesRegex(ZeroDivisionError, "mine"):
            ddim.from_function(lambda x, t: (_ for _ in ()).throw(ZeroDivisionError("mine")), (4, 5, 2)).sample(steps=2)
        with self.assertRaisesRegex(ddim.RequestError, "returned"):
            ddim.from_function(lambda x, t: x[:, :2], (4, 5, 2)).sample(steps=2)
        with self.assertRaises(ddim.NumericError):
            ddim.from_function(lambda x, t: x * np.nan, (4, 5, 2)).sample(steps=2)

    def test_progress_and_errors_of_callbacks(self):
        calls = []
        self.model.sample(steps=4, count=2, callback=lambda done, total: calls.append((done, total)))
        self.assertEqual(calls[-1], (8, 8))

        def raising_last(done, total):
            if done == total:
                raise KeyError("at the end")

        for sampler, said in (("ddim", dict(steps=4)), ("adaptive", dict(tolerance=10))):
            with self.assertRaises(KeyError):
                self.model.sample(sampler=sampler, callback=raising_last, **said)

        def raising(done, total):
            raise KeyError("stop here")

        with self.assertRaises(KeyError):
            self.model.sample(steps=50, count=4, callback=raising)

    def test_releases_the_lock(self):
        counted = 0
        drawing = threading.Thread(target=lambda: self.model.sample(steps=30, count=2))
        drawing.start()
        while drawing.is_alive():
            counted += 1
            time.sleep(0.001)
        self.assertGreater(counted, 3)

    def test_ctrl_c_ends_a_run(self):
        # Where a shell started this in the background, the signal is ignored.
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
        begin = time.monotonic()
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        with self.assertRaises(KeyboardInterrupt):
            self.model.sample(steps=1000, count=256)  # hours of a processor
        self.assertLess(time.monotonic() - begin, 60)
        self.assertEqual(self.model.sample(steps=1).shape, (1, 32, 32, 1))  # and hurts nothing

    def test_plan_models_info(self):
        plan = self.model.plan(tau=[0, 10, 500, 999])
        self.assertEqual([step["t"] for step in plan["steps"]], [999, 500, 10, 0])
        self.assertIn("fashion-mnist", [model["name"] for model in ddim.models()])
        self.assertEqual(self.model.info["width"], 32)
        self.assertEqual(len(self.model.weights_hash), 64)
        self.assertIn("fashion-mnist", repr(self.model))
        self.assertTrue(program("--version").startswith("ddim " + ddim.__version__))

    def test_what_is_wrong_is_said(self):
        for error, words, call in [
            (ddim.RequestError, "steps must be", lambda: self.model.sample(steps=2000)),
            (ValueError, "no-such-model", lambda: ddim.load("no-such-model")),
            (ddim.RequestError, "class", lambda: self.model.sample(class_=3)),
            (ddim.RequestError, "this model has no classes", lambda: self.model.sample(class_=np.array([0, 1]))),
            (ddim.RequestError, "eta must be a number or a word", lambda: self.model.sample(eta=np.array([0.0, 1.0]))),
            (ddim.RequestError, "class_ boot: this model has no classes", lambda: self.model.sample(class_="boot")),
            (ddim.RequestError, "class_: this model has no class \"shib\"; did you mean ship\\? Choose from airplane, ",
             lambda: ddim.load("cifar10").sample(class_="shib")),
            (ddim.RequestError, "sampler", lambda: self.model.sample(sampler="best")),
            (ddim.RequestError, "clip", lambda: self.model.sample(clip="tightly")),
            (ddim.RequestError, "seed", lambda: self.model.sample(seed=-1)),
            (ddim.RequestError, "class_ must be a number or a name", lambda: self.model.sample(class_=[1.5])),
            (ddim.RequestError, "output", lambda: self.model.sample(steps=1, output="jpeg")),
            (ddim.RequestError, "steps must be a number", lambda: self.model.sample(steps=[1, 2])),
            (OSError, "nowhere", lambda: ddim.read_codes("/nowhere")),
            (ddim.Error, "32x32x1", lambda: self.model.encode(np.zeros((1, 8, 8, 3)))),
            (ddim.RequestError, r"noise must be \[N,H,W,C\], with 4 dimensions; got 3, \[32, 32, 1\]",
             lambda: self.model.sample(noise=np.zeros((32, 32, 1)))),
            (ddim.RequestError, "pictures must be an array .*; got str32", lambda: self.model.encode([["a"]])),
            (ddim.RequestError, "pictures must be an array of numbers", lambda: self.model.encode([[1.0], [1.0, 2.0]])),
            (ddim.RequestError, "sampler: unknown value \"best\"; choose one of ddim, ddpm-small",
             lambda: self.model.sample(sampler="best")),
            (ddim.RequestError, "precision: unknown value .*; did you mean fp32\\? Choose one of fp32, bf16",
             lambda: ddim.load("fashion-mnist", precision="fp8")),
            (ddim.RequestError, "class_ must be a number or a name; got 3.0", lambda: self.model.sample(class_=3.0)),
            (ddim.RequestError, "mask needs init", lambda: self.model.sample(mask=np.zeros((1, 32, 32, 1)))),
            (ddim.RequestError, "init_by needs init", lambda: self.model.sample(init_by="encoding")),
            (ddim.RequestError, "clip_range needs the clip", lambda: self.model.sample(clip_range=0.1)),
            (ddim.RequestError, "threshold needs the clip", lambda: self.model.sample(clip="keep-eps", threshold=0.9)),
            (ddim.RequestError, "threshold_max needs the clip",
             lambda: self.model.decode(ddim.codes(self.model.noise(1), [0, 999]), threshold_max=2)),
            (ddim.RequestError, "tolerance works only with the sampler adaptive", lambda: self.model.plan(tolerance=0.1)),
            (ddim.RequestError, "steps has no part in the sampler adaptive",
             lambda: self.model.sample(steps=20, sampler="adaptive")),
            (ddim.RequestError, "eta works only with the samplers ddim and euler, not with unipc, which adds no noise",
             lambda: ddim.evaluate(self.model, "a", drawing=dict(sampler="unipc", eta=1))),
            (ddim.RequestError, "x_T: 3 .*; expected 5", lambda: self.model.interpolate([5, 6], 3, count=5)),
            (ddim.RequestError, "seed must be a whole number from 0 to", lambda: self.model.noise(-1)),
            (ddim.RequestError, "count must be a whole number; got 1.5", lambda: self.model.noise(1, 1.5)),
            (ddim.RequestError, "ends must be a whole number from 0 to", lambda: self.model.interpolate((-3, 24))),
            (ddim.RequestError, "ends must be two or four; got 0", lambda: self.model.interpolate(())),
            (ddim.RequestError, "ends must be two or four; got 1", lambda: self.model.interpolate(3)),
            (ddim.RequestError, "frames must be a whole number", lambda: self.model.interpolate((3, 24), 2.5)),
            (ddim.RequestError, "batch must be a whole number; got 2.0", lambda: self.model.sample(batch=2.0)),
            (ddim.RequestError, "threads must be a whole number from 0 to", lambda: self.model.sample(threads=2**40)),
            (ddim.RequestError, r"shape must be \(H,W,C\)", lambda: ddim.from_function(lambda x, t: x, (8, 8))),
            (ddim.RequestError, "betas must be a list of numbers",
             lambda: ddim.from_function(lambda x, t: x, (8, 8, 1), betas="ab")),
            (ddim.RequestError, "tau must be a list of numbers", lambda: ddim.codes(self.model.noise(1), ["a"])),
            (ddim.RequestError, "eta must be a number or a word; got <object", lambda: self.model.sample(eta=object())),
            (ddim.RequestError, "max_steps must be a whole number", lambda: ddim.train(out="x", resume=True, max_steps=1.0)),
            (ddim.RequestError, "t must be a whole number", lambda: self.model.eps_error("a", t=[0.5])),
            (ddim.RequestError, "no-such-key", lambda: ddim.train(
                ROOT / "configs/fashion-mnist.toml", data=ROOT, out=self.folder / "none", overrides="no-such-key=1")),
            (ddim.RequestError, "needs a second set", lambda: ddim.evaluate("a")),
            (ddim.RequestError, r"tau must be a name, or one number or more; got \[\]", lambda: self.model.sample(tau=[])),
            (ddim.RequestError, "steps has no effect beside a list of steps", lambda: self.model.sample(steps=5, tau=[0, 10])),
            (ddim.RequestError, "tau must be a name, or one number or more; got", lambda: self.model.sample(tau=[1, [2]])),
            (ddim.RequestError, "tau must be a number or a word; got", lambda: self.model.sample(tau=[[1, 2]])),
            (ddim.RequestError, "class_ must be a name, or one number or more; got", lambda: self.model.sample(class_=[])),
            (ddim.RequestError, "x_T: 5 .*; expected 1", lambda: self.model.sample(noise=self.model.noise(1, 5), count=1)),
            (ddim.RequestError, "drawing does not take precision, T, columns; evaluate",
             lambda: ddim.evaluate(self.model, "a", drawing=dict(steps=2, precision="bf16", T=10, columns=2))),
            (ddim.RequestError, r"drawing does not take batch, mask; evaluate\(\) itself takes batch",
             lambda: ddim.evaluate(self.model, "a", drawing=dict(batch=4, mask=None))),
        ]:
            with self.subTest(words), self.assertRaisesRegex(error, words):
                call()

    def test_compares_as_the_program_does(self):
        random = np.random.default_rng(0)
        small, parts = self.folder / "reference.npz", self.folder / "parts.npz"
        np.savez(small, arr_0=random.integers(0, 256, (12, 28, 28), np.uint8))
        np.savez(parts, **{f"x_{part}": random.integers(0, 256, (6, 32, 32), np.uint8) for part in ("train", "test")})

        def of_program(*words):
            return json.loads(program("evaluate", *map(str, words), "--shrink", "--json", "--quiet"))["frechet_distance"]

        drawing = dict(steps=1, count=4)
        of_model = ("--model", "fashion-mnist", "--steps", "1", "--count", "4")
        for fit in ("none", "crop-resize"):  # the reference gets to the model's size as in its training
            found = ddim.evaluate(self.model, small, drawing=drawing, fit=fit, shrink=True)
            self.assertEqual(found["frechet_distance"][0], of_program(small, *of_model, "--resize", fit))
        said = dict(split="train", second_split="test", max_images=5, shrink=True)
        flags = ("--split", "train", "--max-images", "5")
        found = ddim.evaluate(parts, parts, **said)["frechet_distance"][0]
        self.assertEqual(found, of_program(parts, parts, *flags, "--second-split", "test"))
        found = ddim.evaluate(self.model, parts, drawing=drawing, **(said | dict(second_split=None)))
        self.assertEqual(found["frechet_distance"][0], of_program(parts, *of_model, *flags))

        config, clear = self.folder / "black.toml", self.folder / "clear.npz"
        config.write_text("[data]\nresolution = 32\nbackground = 'black'\n[model]\nchannels = 3\nblock_out_channels = [32]\n"
                          "layers_per_block = 1\nattention_levels = []\n[training]\nbatch = 2\nshards = 1\nsteps = 1\nwarmup_steps = 1\n")  # fmt: skip
        np.savez(clear, arr_0=random.integers(0, 256, (8, 32, 32, 4), np.uint8))
        run = self.folder / "black"
        ddim.train(config, data=clear, out=run)
        found = ddim.evaluate(ddim.load(run), clear, drawing=drawing, shrink=True)["frechet_distance"][0]
        self.assertEqual(found, of_program(clear, "--model", run, *of_model[2:]))  # on the background of its training

        # What is wrong with the reference is found before anything is drawn.
        statistics, calls = self.folder / "padded.npz", []
        watched = dict(shrink=True, callback=lambda done, total: calls.append(done))
        ddim.evaluate(small, fit="pad", save_statistics=statistics)
        tiny = ddim.from_function(lambda x_t, t: calls.append(t) or x_t, (8, 8, 3))
        for words, call in [
            ("different resizings: what the model draws has none, .*padded.npz has pad",
             lambda: ddim.evaluate(self.model, statistics, drawing=drawing, **watched)),
            ("what the model draws: pictures are 8x8", lambda: ddim.evaluate(tiny, small, drawing=drawing, **watched)),
            ("split has nothing to choose from", lambda: ddim.evaluate(statistics, statistics, split="test")),
            ("second_split has nothing", lambda: ddim.evaluate(small, statistics, second_split="test")),
            ("max.images must be at least 1", lambda: ddim.evaluate(small, small, max_images=0)),
        ]:
            with self.subTest(words), self.assertRaisesRegex(ddim.RequestError, words):
                call()
        self.assertEqual(calls, [])

    def test_evaluates_and_trains(self):
        pictures = self.folder / "pictures"
        pictures.mkdir()
        program("sample", "--model", "fashion-mnist", "--steps", "2", "--count", "8", "--out", str(pictures), "--quiet")
        other = self.folder / "other"
        program("sample", "--model", "fashion-mnist", "--steps", "3", "--count", "8", "--out", str(other), "--quiet")
        calls = []
        with self.assertRaisesRegex(ddim.RequestError, "8 pictures; .* at least 65"):
            ddim.evaluate(pictures, other, callback=calls.append)
        self.assertEqual(calls, [])  # before any features
        found = ddim.evaluate(pictures, other, shrink=True)
        self.assertGreater(found["frechet_distance"][0], 0)
        statistics = self.folder / "statistics.npz"
        drawn = ddim.evaluate(self.model, other, drawing=dict(steps=2, count=8), shrink=True, save_statistics=statistics)
        self.assertEqual(drawn["frechet_distance"], found["frechet_distance"])  # the same pictures
        again = ddim.evaluate(statistics, other, shrink=True)
        self.assertAlmostEqual(again["frechet_distance"][0], found["frechet_distance"][0], places=3)
        with self.assertRaisesRegex(ddim.RequestError, "exists already"):
            ddim.evaluate(pictures, save_statistics=statistics)
        calls = []
        errors = self.model.eps_error(pictures, t=[100, 900], callback=lambda done, total: calls.append(done))
        self.assertEqual(list(errors), [100, 900])
        self.assertTrue(0 < errors[900][0] < errors[100][0] < 1 and calls)
        small = self.folder / "small.npz"
        np.savez(small, arr_0=np.random.default_rng(0).integers(0, 256, (2, 28, 28), np.uint8))
        by = {fit: self.model.eps_error(small, t=[100], fit=fit)[100][0] for fit in (None, "pad", "crop-resize")}
        self.assertEqual(by[None], by["pad"])
        self.assertNotEqual(by["pad"], by["crop-resize"])
        with self.assertRaisesRegex(ddim.RequestError, "fit: .*stretch"):
            self.model.eps_error(small, t=[100], fit="stretch")
        config = self.folder / "small.toml"
        config.write_text("[data]\nresolution = 32\n[model]\nchannels = 1\nblock_out_channels = [32]\nlayers_per_block = 1\n"
                          "attention_levels = []\n[training]\nbatch = 2\nshards = 1\nsteps = 3\nwarmup_steps = 1\n")  # fmt: skip
        steps = []
        done = ddim.train(config, data=pictures, out=self.folder / "run", callback=lambda p: steps.append(p["step"]))
        self.assertEqual((done["ending"], steps), ("finished", [1, 2, 3]))
        self.assertEqual(ddim.load(self.folder / "run").sample(steps=1).shape, (1, 32, 32, 1))
        more = dict(out=self.folder / "run", resume=True)
        done = ddim.train(**more, overrides=["training.steps=5", "training.learning_rate=1e-5"])
        self.assertEqual((done["ending"], done["steps"]), ("finished", 5))
        steps.clear()
        ddim.train(**more, resume_from=3, callback=lambda p: steps.append((p["step"], p["learning_rate"])))
        self.assertEqual(steps, [(4, 1e-5), (5, 1e-5)])
        with self.assertRaisesRegex(ddim.RequestError, "device"):
            ddim.train(**more, device="gpu")


class WithPillow(unittest.TestCase):
    def test_pictures_of_pil(self):
        try:
            import PIL.Image
        except ImportError:
            self.skipTest("Pillow is not installed")
        (picture,) = ddim.load("fashion-mnist").sample(steps=1, output="pil")
        self.assertIsInstance(picture, PIL.Image.Image)
        self.assertEqual(picture.size, (32, 32))
        levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
        np.testing.assert_array_equal(np.asarray(ddim.to_pil(levels)[0]), levels[0, ..., 0])
        with self.assertRaisesRegex(ddim.RequestError, "with 4 dimensions; got 3"):
            ddim.to_pil(levels[0])
        with self.assertRaisesRegex(ddim.RequestError, "1, 3 or 4 channels, and these have 2"):
            ddim.to_pil(np.zeros((1, 4, 4, 2)))


class WithPyTorch(unittest.TestCase):
    def test_tensors_share_memory(self):
        try:
            import torch
        except ImportError:
            self.skipTest("PyTorch is not installed")

        def predict(x_t, t):
            x = torch.from_dlpack(x_t)
            self.assertEqual(x.data_ptr(), x_t.ctypes.data)  # no copy
            return x * 0.5

        weight = torch.tensor(0.5, requires_grad=True)
        trained = ddim.from_function(lambda x_t, t: torch.from_dlpack(x_t) * weight, (3, 4, 1))
        half = ddim.from_function(predict, (3, 4, 1))
        same = ddim.from_function(lambda x_t, t: x_t * np.float32(0.5), (3, 4, 1))
        np.testing.assert_array_equal(half.sample(steps=5), same.sample(steps=5))
        np.testing.assert_array_equal(trained.sample(steps=5), same.sample(steps=5))  # a tensor that needs gradients
        rounded = ddim.from_function(lambda x_t, t: (torch.from_dlpack(x_t) * 0.5).to(torch.bfloat16), (3, 4, 1))
        self.assertLess(np.abs(rounded.sample(steps=5) - same.sample(steps=5)).max(), 0.3)
        noise = torch.from_numpy(same.noise(3))
        np.testing.assert_array_equal(same.sample(steps=5, noise=noise), same.sample(steps=5, seed=3))

    def test_equals_ddim_scheduler_of_diffusers(self):
        try:
            import torch
            from diffusers import DDIMScheduler, UNet2DModel
        except ImportError:
            self.skipTest("PyTorch and diffusers are not installed")
        torch.manual_seed(1)
        unet = UNet2DModel(sample_size=8, in_channels=3, out_channels=3, block_out_channels=(32, 64), layers_per_block=1,
                           down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"))  # fmt: skip
        unet.eval()

        def predict(x_t, t):
            with torch.no_grad():
                return unet(torch.from_dlpack(x_t).permute(0, 3, 1, 2), torch.tensor(t)).sample.permute(0, 2, 3, 1).contiguous()

        model = ddim.from_function(predict, (8, 8, 3))
        for spacing in ("leading", "trailing"):
            scheduler = DDIMScheduler(clip_sample=False, timestep_spacing=spacing)
            scheduler.set_timesteps(10)
            x = torch.from_numpy(model.noise(2, 2)).permute(0, 3, 1, 2)
            with torch.no_grad():
                for t in scheduler.timesteps:
                    x = scheduler.step(unet(x, t).sample, t, x).prev_sample
            ours = model.sample(steps=10, tau=f"diffusers-{spacing}", seed=2, count=2)
            self.assertLess(np.abs(ours - x.permute(0, 2, 3, 1).numpy()).max(), 1e-5 * max(1, np.abs(ours).max()))


if __name__ == "__main__":
    unittest.main()
