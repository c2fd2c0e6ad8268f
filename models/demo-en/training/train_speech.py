"""Trains the speech model: log-mel features to letters, with CTC.

Two processes of one thread each share the work and average their gradients, which on two cores is faster than one
process of two threads. work/speech.pt is written every two minutes, and a run that finds it goes on from there.
"""

import argparse
import os
import time
from pathlib import Path

import numpy
import scipy.signal
import torch
import torch.distributed
import torch.multiprocessing
from torch import nn

import features
from grammar import LETTERS, REPOSITORY, SEED

TOKENS = ["<blank>", "<space>"] + list(LETTERS)
IDS = {" ": 1, **{letter: index + 2 for index, letter in enumerate(LETTERS)}}
CHANNELS = 192
KERNELS = [5, 5, 7, 7, 9, 9, 9, 9]
PEAK_RATE = 2e-3
WARM_UP = 200            # steps
AVERAGE = 0.998          # of the weights, from step to step
BATCH_SECONDS = 24       # of audio, for each process and step
LONGEST_SECONDS = 16
LIGHT = 0.88             # of all steps; the rest have lighter augmentation


class Block(nn.Module):
    def __init__(self, kernel):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv1d(CHANNELS, CHANNELS, kernel, padding=kernel // 2, bias=False),
                                    nn.BatchNorm1d(CHANNELS), nn.ReLU(), nn.Dropout(0.05))

    def forward(self, x):
        return x + self.layers(x)


class SpeechModel(nn.Module):
    """[batch, frames, 80] to log probabilities [batch, ceil(frames / 4), tokens]."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(features.BINS, CHANNELS, 9, stride=4, padding=4, bias=False), nn.BatchNorm1d(CHANNELS), nn.ReLU(),
            *[Block(kernel) for kernel in KERNELS],
            nn.Conv1d(CHANNELS, 256, 1), nn.ReLU(), nn.Conv1d(256, len(TOKENS), 1))

    def forward(self, x):
        return self.layers(x.transpose(1, 2)).transpose(1, 2).log_softmax(2)


def noise_bank(chance, kinds=8, seconds=32):
    """White, pink, brown noise and what is between, made once: computing it for every utterance takes too long."""
    count = seconds * features.SAMPLE_RATE
    bank = []
    for slope in numpy.linspace(0, 1, kinds):
        spectrum = numpy.fft.rfft(chance.standard_normal(count)) * numpy.arange(1, count // 2 + 2) ** -slope
        made = numpy.fft.irfft(spectrum, count)
        bank.append((made / made.std()).astype(numpy.float32))
    return bank


BANK = noise_bank(numpy.random.default_rng(SEED))


def noise(chance, count):
    kind = BANK[chance.integers(len(BANK))]
    start = chance.integers(0, len(kind) - count)
    return kind[start:start + count]


def reverberate(chance, samples):
    """A room: an echo of decaying noise behind the direct sound."""
    count = int(features.SAMPLE_RATE * chance.uniform(0.1, 0.4))
    echo = chance.standard_normal(count) * numpy.exp(-6.9 * numpy.arange(count) / count)
    echo *= chance.uniform(0.1, 0.7) / numpy.sqrt((echo ** 2).sum())
    echo[0] += 1
    return scipy.signal.fftconvolve(samples, echo.astype(numpy.float32))[:len(samples)]


def join(chance, parts):
    """Utterances one after the other, with pauses as between spoken sentences."""
    pieces = []
    for samples in parts:
        pieces += [samples, numpy.zeros(int(features.SAMPLE_RATE * chance.uniform(0.05, 0.9)), numpy.float32)]
    edge = numpy.zeros(int(features.SAMPLE_RATE * chance.uniform(0, 0.5)), numpy.float32)
    return numpy.concatenate([edge] + pieces)


def warp(chance, energies):
    """Stretches the mel axis a little, as a shorter or longer throat would."""
    bins = numpy.arange(features.BINS)
    place = numpy.clip(bins * chance.uniform(0.9, 1.1) + chance.uniform(-1, 1), 0, features.BINS - 1)
    below = numpy.minimum(place.astype(int), features.BINS - 2)
    part = (place - below).astype(numpy.float32)
    return energies[:, below] * (1 - part) + energies[:, below + 1] * part


def augment(chance, parts, strength):
    """Samples of one or more utterances to features, each time a little different."""
    stretched = []
    for samples in parts:
        speed = chance.uniform(0.9, 1.12) if chance.random() < 0.7 else 1.0
        places = numpy.arange(0, len(samples) - 1, speed)
        stretched.append(numpy.interp(places, numpy.arange(len(samples)), samples).astype(numpy.float32)
                         * numpy.float32(10 ** chance.uniform(-0.15, 0.15)))
    samples = join(chance, stretched)
    if chance.random() < 0.3 * strength:
        samples = reverberate(chance, samples)
    samples = samples / (numpy.abs(samples).max() + 1e-9)
    decibels = chance.uniform(8, 45) if chance.random() < 0.6 * strength else chance.uniform(45, 80)
    samples = samples + noise(chance, len(samples)) * samples.std() * 10 ** (-decibels / 20)
    energies = features.log_mel(samples * 10 ** chance.uniform(-1.3, 0))
    if chance.random() < 0.5 * strength:
        energies = warp(chance, energies)
    if chance.random() < 0.25 * strength:  # a telephone, a cheap microphone
        low, high = chance.integers(0, 10), chance.integers(50, features.BINS)
        energies[:, :low] -= chance.uniform(2, 8)
        energies[:, high:] -= chance.uniform(2, 8)
    x = features.level(energies)
    for _ in range(2):  # SpecAugment
        if chance.random() < strength:
            width = chance.integers(1, 14)
            start = chance.integers(0, features.BINS - width)
            x[:, start:start + width] = 0
        if chance.random() < strength:
            width = chance.integers(1, 16)
            start = chance.integers(0, max(1, len(x) - width))
            x[start:start + width] = 0
    return x


def batches(work, chance, strength):
    """Batches for ever; strength() says how strong the augmentation is now."""
    samples, items = features.load(work)
    limit = LONGEST_SECONDS * features.SAMPLE_RATE
    while True:
        order = list(chance.permutation(len(items)))
        groups = []
        while order:
            group = [order.pop()]
            length = items[group[0]]["end"] - items[group[0]]["start"]
            extra = chance.integers(1, 3) if chance.random() < 0.25 else 0
            while extra and order:
                length += items[order[-1]]["end"] - items[order[-1]]["start"] + 0.9 * features.SAMPLE_RATE
                if length > limit:
                    break
                group.append(order.pop())
                extra -= 1
            groups.append((sum(items[i]["end"] - items[i]["start"] for i in group), group))
        # Similar lengths go together, so that little padding is computed; the batches then come in random order.
        groups.sort(key=lambda entry: entry[0] * chance.uniform(0.95, 1.05))
        ready, batch = [], []
        for length, group in groups:
            if batch and length * (len(batch) + 1) > BATCH_SECONDS * features.SAMPLE_RATE:
                ready.append(batch)
                batch = []
            batch.append(group)
        ready.append(batch)
        for index in chance.permutation(len(ready)):
            inputs, labels = [], []
            for group in ready[index]:
                parts = [samples[items[i]["start"]:items[i]["end"]].astype(numpy.float32) / 32768 for i in group]
                inputs.append(augment(chance, parts, strength()))
                labels.append([IDS[letter] for letter in " ".join(items[i]["words"] for i in group)])
            frames = torch.tensor([len(x) for x in inputs])
            padded = torch.zeros(len(inputs), int(frames.max()), features.BINS)
            for row, x in enumerate(inputs):
                padded[row, :len(x)] = torch.from_numpy(x)
            yield (padded, frames, torch.tensor([token for label in labels for token in label]),
                   torch.tensor([len(label) for label in labels]))


def rate(step, progress):
    """Warm-up, flat for 30 %, then a cosine."""
    falling = max(0.0, (progress - 0.3) / 0.7)
    return PEAK_RATE * min(1.0, (step + 1) / WARM_UP) * (0.01 + 0.99 * 0.5 * (1 + numpy.cos(numpy.pi * falling)))


def read_greedily(log_probs):
    best = log_probs.argmax(-1).tolist()
    kept = [token for index, token in enumerate(best) if token and (index == 0 or token != best[index - 1])]
    return "".join(TOKENS[token].replace("<space>", " ") for token in kept)


def meeting_place(work):
    """Where the processes find each other; it must not be there before they start."""
    return work / "speech.processes"


def train(rank, arguments):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting_place(arguments.work)}", rank=rank,
                                         world_size=arguments.processes)
    torch.manual_seed(SEED)
    model = SpeechModel()
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=1e-2)
    state = {"step": 0, "average": {name: value.clone() for name, value in model.state_dict().items()}}
    path = arguments.work / "speech.pt"
    if path.exists():
        saved = torch.load(path)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        state = saved["state"]
    # Each process, and each run, takes the data in another order.
    chance = numpy.random.default_rng([SEED, rank, state["step"]])
    torch.manual_seed(SEED + rank)
    progress = lambda: state["step"] / arguments.steps
    stream = batches(arguments.work, chance, lambda: 1.0 if progress() < LIGHT else 0.3)
    parameters = list(model.parameters())
    lengths = [p.numel() for p in parameters]
    average = state["average"]
    model.train()
    saved_at, printed_loss, printed = time.time(), 0.0, 0
    while state["step"] < arguments.steps:
        inputs, frames, labels, label_lengths = next(stream)
        for group in optimizer.param_groups:
            group["lr"] = rate(state["step"], progress())
        log_probs = model(inputs).transpose(0, 1)
        loss = nn.functional.ctc_loss(log_probs, labels, torch.div(frames + 3, 4, rounding_mode="floor"),
                                      label_lengths, zero_infinity=True)
        optimizer.zero_grad()
        loss.backward()
        # One message holds all gradients and, at its end, the loss.
        flat = torch.cat([p.grad.flatten() for p in parameters] + [loss.detach().view(1)])
        torch.distributed.all_reduce(flat)
        flat /= arguments.processes
        for p, part in zip(parameters, flat.split(lengths + [1])):
            p.grad = part.view_as(p)
        nn.utils.clip_grad_norm_(parameters, 2.0)
        optimizer.step()
        state["step"] += 1
        printed_loss, printed = printed_loss + flat[-1].item(), printed + 1
        if rank:
            continue
        with torch.no_grad():
            for name, value in model.state_dict().items():
                if value.is_floating_point():
                    keep = min(AVERAGE, state["step"] / (state["step"] + 10))
                    average[name].mul_(keep).add_(value, alpha=1 - keep)
                else:
                    average[name].copy_(value)
        if time.time() - saved_at > 120 or state["step"] == arguments.steps:
            saved_at = time.time()
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "state": state}, f"{path}.part")
            os.replace(f"{path}.part", path)
            print(f"step {state['step']} of {arguments.steps}, loss {printed_loss / printed:.3f}; "
                  f"{read_greedily(log_probs[:frames[0] // 4, 0].detach())!r}", flush=True)
            printed_loss, printed = 0.0, 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=REPOSITORY / "artifacts" / "demo-en")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    arguments.work = arguments.work.resolve()
    meeting_place(arguments.work).unlink(missing_ok=True)
    torch.multiprocessing.spawn(train, (arguments,), arguments.processes)


if __name__ == "__main__":
    main()
