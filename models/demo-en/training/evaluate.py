"""Measures the shipped models: word error rates, and the punctuation model's F1 on templates no model has seen.

Splits: unseen (new sentences of trained templates, trained voices), test (templates never trained on, trained voices),
validation (likewise; it chooses the decoder's two numbers), rms and variants (voices and templates never trained on),
sample (samples/standup.wav), punctuation, tune. With --checkpoint it measures the weights in
the work folder instead of the shipped speech model.
"""

import argparse
import json
import time
from pathlib import Path

import numpy
import onnx
import torch
from onnx import numpy_helper

import features
import train_punctuation
import train_speech
from bigrams import Bigrams
from decoder import Decoder
from grammar import REPOSITORY, SAMPLE, Grammar, normalise

MODELS = Path(__file__).resolve().parents[1]


class OnnxModel:
    """Runs the shipped files without another package; it knows just the operators that they use."""

    def __init__(self, path):
        self.graph = onnx.load(str(path)).graph
        self.constants = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy())
                          for tensor in self.graph.initializer}

    def __call__(self, *inputs):
        values = dict(self.constants)
        values.update(zip([entry.name for entry in self.graph.input], inputs))
        for node in self.graph.node:
            given = [values[name] for name in node.input]
            settings = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            values[node.output[0]] = self.compute(node.op_type, given, settings)
        return [values[entry.name] for entry in self.graph.output]

    def compute(self, kind, x, settings):
        if kind == "Cast":
            types = {1: torch.float32, 7: torch.int64, 10: torch.float16}
            return x[0].to(types[settings["to"]])
        if kind == "Conv":
            return torch.nn.functional.conv1d(x[0], x[1], x[2] if len(x) > 2 else None, settings["strides"],
                                              settings["pads"][0], settings["dilations"], settings["group"])
        if kind == "Transpose":
            return x[0].permute(settings["perm"])
        if kind == "LogSoftmax":
            return x[0].log_softmax(settings["axis"])
        if kind == "Relu":
            return x[0].relu()
        if kind == "Add":
            return x[0] + x[1]
        if kind == "Constant":
            return torch.from_numpy(numpy_helper.to_array(settings["value"]).copy())
        if kind == "Gather":
            return x[0][(slice(None),) * settings.get("axis", 0) + (x[1],)]
        if kind == "Unsqueeze":
            return x[0].unsqueeze(int(x[1]))
        if kind == "Reshape":
            return x[0].reshape(x[1].tolist())
        if kind == "Concat":
            return torch.cat(x, settings["axis"])
        if kind == "ReduceMax":
            return x[0].amax(settings["axes"], bool(settings["keepdims"]))
        if kind == "MatMul":
            return x[0] @ x[1]
        if kind == "Sqrt":
            return x[0].sqrt()
        if kind == "Slice":
            begin, end, axis = (int(value) for value in x[1:4])
            return x[0][(slice(None),) * axis + (slice(begin, min(end, x[0].shape[axis])),)]
        raise NotImplementedError(kind)


def errors(true, told):
    """Words substituted, deleted and inserted (Levenshtein)."""
    row = list(range(len(told) + 1))
    for i, word in enumerate(true, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(told, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def windows(samples, longest=20.0, pause=0.3):
    """Splits a recording at pauses into windows of at most 20 seconds."""
    step = features.SAMPLE_RATE // 100
    frames = numpy.abs(samples[:len(samples) // step * step]).reshape(-1, step).max(axis=1)
    quiet = frames < frames.max() * 0.02
    cuts, run = [0], 0
    for index, silent in enumerate(quiet):
        if silent:
            run += 1
            continue
        if run >= pause * 100:
            cuts.append(index - run // 2)
        run = 0
    cuts.append(len(quiet))
    begin = 0
    for index in range(1, len(cuts)):
        last = index == len(cuts) - 1
        if last or (cuts[index + 1] - begin) / 100 > longest:
            yield samples[begin * step:cuts[index] * step]
            begin = cuts[index]


def cases_of(work, split):
    """(log-mel features, words) of each utterance of a split."""
    if split == "sample":
        samples = features.read_wav(SAMPLE.with_suffix(".wav")).astype(numpy.float32) / 32768
        # One text for all windows: errors are counted over the whole recording.
        return [features.features(window) for window in windows(samples)], [normalise(SAMPLE.read_text()).split()]
    samples, items = features.load(work, split)
    sounds = [samples[item["start"]:item["end"]].astype(numpy.float32) / 32768 for item in items]
    return [features.features(sound) for sound in sounds], [item["words"].split() for item in items]


def word_error_rate(texts, references):
    if len(references) == 1:
        texts = [" ".join(texts)]
    return sum(errors(true, text.split()) for text, true in zip(texts, references)) / sum(map(len, references))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("splits", nargs="+")
    parser.add_argument("--work", type=Path, default=REPOSITORY / "artifacts" / "demo-en")
    parser.add_argument("--checkpoint", action="store_true")
    parser.add_argument("--weight", type=float)
    parser.add_argument("--bonus", type=float)
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)

    if "punctuation" in arguments.splits:
        shipped, grammar = OnnxModel(MODELS / "punctuation" / "model.onnx"), Grammar()
        for name, pauses in (("with pauses", True), ("without", False)):
            print(f"punctuation, {name}:", train_punctuation.scores(
                shipped, train_punctuation.held_out_passages(grammar, pauses=pauses)), flush=True)
        arguments.splits.remove("punctuation")
    if not arguments.splits:
        return

    speech = MODELS / "speech"
    settings = json.loads((speech / "model.json").read_text())["decoder"]
    weight = settings["lmWeight"] if arguments.weight is None else arguments.weight
    bonus = settings["wordBonus"] if arguments.bonus is None else arguments.bonus
    if arguments.checkpoint:
        model = train_speech.SpeechModel()
        model.load_state_dict(torch.load(arguments.work / "speech.pt")["state"]["average"])
        model.eval()
        run = lambda x: model(x)
    else:
        shipped = OnnxModel(speech / "model.onnx")
        run = lambda x: shipped(x)[0]
    bigrams, words = Bigrams(speech / "bigrams.arpa"), (speech / "words.txt").read_text().split()
    decoder = Decoder(train_speech.TOKENS, words, bigrams, weight, bonus, settings["beam"])

    for split in arguments.splits:
        tune = split == "tune"
        inputs, references = cases_of(arguments.work, "validation" if tune else split)
        outputs = [run(torch.from_numpy(x).unsqueeze(0))[0] for x in inputs]
        if tune:
            for decoder.weight in (0.4, 0.6, 0.8, 1.0, 1.2):
                for decoder.bonus in (0.0, 1.0, 2.0, 3.0):
                    rate = word_error_rate([decoder.decode(x.numpy()) for x in outputs], references)
                    print(f"weight {decoder.weight}, bonus {decoder.bonus}: {rate:.4f}", flush=True)
            decoder.weight, decoder.bonus = weight, bonus
            continue
        greedy = [train_speech.read_greedily(x) for x in outputs]
        started = time.time()
        beam = [decoder.decode(x.numpy()) for x in outputs]
        print(f"{split}: {len(inputs)} windows, {sum(map(len, references))} words, WER greedy "
              f"{word_error_rate(greedy, references):.3f}, beam {word_error_rate(beam, references):.3f} "
              f"({time.time() - started:.0f} s)", flush=True)
        if arguments.show:
            for letters, told in zip(greedy, beam):
                print(f"  {letters}\n  {told}\n")


if __name__ == "__main__":
    main()
