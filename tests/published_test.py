#!/usr/bin/python3
"""Runs every shipped scenario that has published figures and prints one table of signed errors.

    published_test.py ORRERY LIBRARY_FOLDER

A figure's own error is printed; the verdict is on step time, so that a rate that is 10 % too high counts as a step
that is 9.1 % too short. Scenarios of DeepSeek-V3 have targets of their own and are printed only. Below it: a layer that
was measured alone, and how far each choice that nobody published moves a step.
"""

import json
import os
import subprocess
import sys
import tempfile

WANTED = 8.0
# Reached: see the table. Every step comes out too short. What is not modelled: waiting for the slowest of thousands of
# GPUs, clocks below those of short benchmarks, the host's time between operations.
LIMIT = 12.0

TIMES = {"step.time_s"}
RATES = {"step.sequences_per_s_per_gpu", "step.mfu_noncausal", "step.flops_per_s_per_gpu_noncausal"}

# Megatron's layer of its 22B model, micro-batch 4, eight A100: forward and backward in ms (arXiv 2205.05198, Table 4).
LAYER = """include = ["megatron-175b-a100"]
[simulation]
memory = "report"
[model]
config = "gpt-22b"
[cluster]
nodes = 1
topology = "nvlink-domain"
[plan]
pipeline = 1
virtual_stages = 1
schedule = "1f1b"
micro_batch = 4
global_batch = 4
recompute = "{recompute}"
layer_messages = "{messages}"
"""
MEASURED_LAYERS = [("none", "all_reduce", 7.7, 11.9), ("none", "backward", 7.2, 11.8),
                   ("full", "all_reduce", 7.7, 19.5), ("selective", "all_reduce", 7.7, 13.2),
                   ("selective", "backward", 7.2, 13.1)]
LAYER_LIMIT = 8.0

# Choices of a scenario that were not published, and the other values that they could have had.
UNPUBLISHED = {
    "llama-3.1-405b-16k": ["plan.layer_messages=backward", "plan.layer_messages=pieces", "plan.copy_messages=exposed",
                           "plan.pipeline_messages=batched"],
    "mlperf-llama405b-2048": ["plan.layer_messages=backward", "plan.layer_messages=exposed", "plan.scaling=tile",
                              "plan.kernels=cublas_h100_block", "plan.pipeline_messages=batched",
                              "plan.copy_messages=exposed", "optimizer.gradients=fp32"],
    "megatron-175b-a100": ["plan.pipeline_messages=eager", "plan.layer_messages=backward"],
    "megatron-1t-a100": ["plan.pipeline_messages=eager", "plan.layer_messages=exposed"],
    "zero-bubble-1.5b-zb1p": ["plan.attention=fused", "plan.layer_map=back_heavy", "plan.pipeline_messages=eager"],
    "zero-bubble-6.2b-1f1b": ["plan.attention=fused", "plan.layer_map=back_heavy", "plan.pipeline_messages=eager"],
    "zero-bubble-14.6b-zb1p": ["plan.attention=fused", "plan.layer_map=back_heavy", "plan.pipeline_messages=eager"],
}


def run(orrery, name, folder, sets=()):
    command = [orrery, "run", name, "--json", "--out", folder]
    for change in sets:
        command += ["--set", change]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return None, done.stdout + done.stderr
    return json.loads(done.stdout), ""


def time_error(what, error):
    """Signed error of the step time in percent, or None where the figure is something else."""
    if what in TIMES:
        return error
    return 100 * (100 / (100 + error) - 1) if what in RATES else None


def layer_ms(folder):
    forward = backward = 0.0
    with open(os.path.join(folder, "kernels.csv")) as table:
        lines = [line.rstrip("\n") for line in table if not line.startswith("#")]
    head = lines[0].split(",")
    block, segment, alone = head.index("block"), head.index("segment"), head.index("alone_s")
    for line in lines[1:]:
        # Names may have commas and quotes; the three fields wanted lie before and after them.
        fields = line.split(",")
        if fields[block] != "dense":
            continue
        ms = 1e3 * float(fields[alone - len(head)])
        if "(F)" in fields[segment]:
            forward += ms
        else:
            backward += ms
    return forward, backward


def check_layers(orrery, folder):
    print("\nOne layer of GPT 22B on eight A100 (arXiv 2205.05198, Table 4), ms")
    print(f"{'recompute':12}{'messages':14}{'forward':>9}{'published':>11}{'error':>9}"
          f"{'backward':>10}{'published':>11}{'error':>9}")
    errors = []
    for recompute, messages, forward, backward in MEASURED_LAYERS:
        path = os.path.join(folder, "layer.toml")
        with open(path, "w") as file:
            file.write(LAYER.format(recompute=recompute, messages=messages))
        answer, fault = run(orrery, path, os.path.join(folder, "layer"))
        if answer is None:
            print(fault)
            return 100.0
        f, b = layer_ms(os.path.join(folder, "layer"))
        errors += [100 * (f / forward - 1), 100 * (b / backward - 1)]
        print(f"{recompute:12}{messages:14}{f:9.2f}{forward:11.1f}{errors[-2]:+8.1f}%"
              f"{b:10.2f}{backward:11.1f}{errors[-1]:+8.1f}%")
    mean = sum(map(abs, errors)) / len(errors)
    print(f"mean absolute error {mean:.1f} %, limit {LAYER_LIMIT:.0f} %")
    return mean


def main(orrery, library):
    names = sorted(name[:-5] for name in os.listdir(library) if name.endswith(".toml"))
    failed, judged = [], []
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'scenario':26}{'figure':38}{'simulated':>14}{'published':>14}{'error':>9}{'step time':>11}")
        base = {}
        for name in names:
            answer, fault = run(orrery, name, os.path.join(folder, "out"))
            if answer is None:
                print(f"{name:26}refused: {fault.strip()[:200]}")
                failed.append(name)
                continue
            base[name] = answer["step"]["time_s"]
            counted = False
            for figure in answer.get("published", []):
                error = time_error(figure["what"], figure["error_percent"])
                shown = "" if error is None else f"{error:+.1f}%"
                print(f"{name:26}{figure['what']:38}{figure['simulated']:14.5g}{figure['published']:14.5g}"
                      f"{figure['error_percent']:+8.1f}%{shown:>11}")
                if error is not None and not counted and not name.startswith("deepseek-v3"):
                    judged.append(abs(error))  # One figure a scenario: MFU and FLOP/s say the same.
                    counted = True
        mean = sum(judged) / len(judged) if judged else 100.0
        print(f"\nstep time of {len(judged)} scenarios without DeepSeek-V3: mean absolute error {mean:.1f} %, "
              f"wanted {WANTED:.0f} %, limit {LIMIT:.0f} %")

        layer_error = check_layers(orrery, folder)

        print("\nStep time under other values of what was not published")
        for name, changes in UNPUBLISHED.items():
            for change in changes:
                answer, fault = run(orrery, name, os.path.join(folder, "out"), [change])
                if answer is None:
                    print(f"{name:26}{change:38} refused: {fault.strip()[:120]!r}")
                elif name in base:
                    time = answer["step"]["time_s"]
                    print(f"{name:26}{change:38}{time:10.3f} s{100 * (time / base[name] - 1):+8.1f}%")
    if failed:
        print(f"refused: {', '.join(failed)}")
    return 0 if not failed and len(judged) >= 8 and mean <= LIMIT and layer_error <= LAYER_LIMIT else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
