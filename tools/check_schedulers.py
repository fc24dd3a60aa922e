#!/usr/bin/env python3
"""Saves a model with every scheduler of the diffusers package and asks ddim for its steps.

    python3 tools/check_schedulers.py MODEL DDIM

MODEL is any diffusers folder with a DDPMScheduler, DDIM the program. For each class and some of its
settings: from_config, save_pretrained, then `ddim plan --as diffusers`. The class must load, with
sqrt(alpha_bar) within 1e-6 of the scheduler's own alphas_cumprod, or be refused by name. Prints a
line for each; exit code 1 for anything else, and for a class with betas of its own that is refused
with its default settings.
"""

import inspect
import json
import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import diffusers

# Settings that are the training's, and some that are the sampler's alone.
VARIANTS = [
    {},
    {"prediction_type": "v_prediction"},
    {"prediction_type": "sample", "beta_schedule": "scaled_linear"},
    {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 500},
    {"trained_betas": [0.001 * (i + 1) for i in range(40)], "num_train_timesteps": 40},
    {"timestep_spacing": "trailing", "use_karras_sigmas": True},
    {"use_flow_sigmas": True, "prediction_type": "flow_prediction"},
]
# What changes alpha_bar beyond the betas, or has none.
REFUSED = {"CogVideoXDDIMScheduler", "CogVideoXDPMScheduler", "UnCLIPScheduler"}


def schedulers():
    for name in sorted(dir(diffusers)):
        value = getattr(diffusers, name) if name.endswith("Scheduler") else None
        try:
            is_scheduler = inspect.isclass(value) and hasattr(value, "from_config") and hasattr(value, "step")
            if is_scheduler and value.__module__.startswith("diffusers.utils."):
                print(f"{name}: left out: a placeholder for what this version of the package has not")
                continue
        except ImportError as error:  # what stands for one that needs a package which is not installed
            print(f"{name}: left out: {str(error).strip().splitlines()[0]}")
            continue
        if is_scheduler:
            yield name, value


def check(model, program, name, scheduler):
    """(problem or None, what happened)"""
    scheduler_folder = next(p.parent for p in model.rglob("scheduler_config.json"))
    scheduler.save_pretrained(scheduler_folder)
    run = subprocess.run([program, "plan", "--model", str(model), "--as", "diffusers", "--steps", "10", "--json"],
                         capture_output=True, text=True)
    if run.returncode != 0:
        message = run.stderr.strip()
        named = "scheduler_config.json: " in message and run.returncode == 1
        return (None if named else message), "refused: " + message.split("scheduler_config.json: ")[-1]
    if not hasattr(scheduler, "alphas_cumprod"):
        return "loaded, although it has no alphas_cumprod", ""
    plan = json.loads(run.stdout)
    worst = max(abs(s["sqrt_alpha_bar"] - math.sqrt(float(scheduler.alphas_cumprod[int(s["t"])])))
                for s in plan["steps"])
    wanted = {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}[scheduler.config.get("prediction_type", "epsilon")]
    same = worst <= 1e-6 and plan["prediction"] == wanted
    return (None if same else f"differs by {worst:.1e}, predicts {plan['prediction']}"), f"loads, {worst:.0e}"


def main():
    source, program = Path(sys.argv[1]), sys.argv[2]
    base = json.loads(next(source.rglob("scheduler_config.json")).read_text())
    failures = loaded = refused = 0
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        shutil.copytree(source, model)
        for name, cls in schedulers():
            known = inspect.signature(cls.__init__).parameters
            for variant in VARIANTS:
                if not set(variant) <= set(known):
                    continue
                settings = {k: v for k, v in base.items() if k in known and not k.startswith("_")}
                try:
                    scheduler = cls.from_config({**settings, **variant})
                except Exception as error:  # what the package itself does not make
                    print(f"{name} {list(variant)}: not made: {str(error)[:70]}")
                    continue
                problem, what = check(model, program, name, scheduler)
                has_betas = "beta_start" in known and name not in REFUSED
                if what.startswith("refused") and has_betas and not variant:
                    problem = problem or what
                loaded += what.startswith("loads")
                refused += what.startswith("refused")
                failures += problem is not None
                shown = {k: v if k != "trained_betas" else "..." for k, v in variant.items()}
                print(f"{name} {shown or ''}: {'FAILED: ' + problem if problem else what[:110]}")
    print(f"{loaded} load, {refused} are refused by name, {failures} failed")
    sys.exit(1 if failures else 0)


main()
