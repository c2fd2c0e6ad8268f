"""Writes the shipped folders speech/ and punctuation/ from the checkpoints in the work folder.

Every file is written beside its place and renamed, model.json last, so that a reader never finds half a model.
"""

import argparse
import hashlib
import io
import json
import os
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from grammar import REPOSITORY

MODELS = Path(__file__).resolve().parents[1]


def half_weights(model):
    """Stores the weights in 16 bits; a Cast before their use makes them 32 bits again, so any runtime can compute."""
    graph, casts = model.graph, []
    for index, tensor in enumerate(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < 64:
            continue
        name = tensor.name
        graph.initializer[index].CopyFrom(numpy_helper.from_array(values.astype("float16"), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = casts + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


def to_onnx(model, inputs, input_names, output_names, dynamic):
    buffer = io.BytesIO()
    torch.onnx.export(model.eval(), inputs, buffer, opset_version=17, input_names=input_names,
                      output_names=output_names, dynamic_axes=dynamic)
    return half_weights(onnx.load_from_string(buffer.getvalue())).SerializeToString()


def write(folder, description, files):
    folder.mkdir(exist_ok=True)
    description["files"] = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                            for name, data in files.items()}
    for name, data in [*files.items(), ("model.json", (json.dumps(description, indent=2) + "\n").encode())]:
        (folder / f"{name}.part").write_bytes(data)
        os.replace(folder / f"{name}.part", folder / name)
    print(f"{folder.name}: " + ", ".join(f"{name} {len(data)} bytes" for name, data in files.items()))


def export_speech(work):
    import train_speech
    model = train_speech.SpeechModel()
    model.load_state_dict(torch.load(work / "speech.pt")["state"]["average"])
    data = to_onnx(model, (torch.zeros(2, 101, 80),), ["features"], ["log_probs"],
                   {"features": {0: "batch", 1: "frames"}, "log_probs": {0: "batch", 1: "steps"}})
    write(MODELS / "speech", {
        "schema": 1, "name": "demo-en", "kind": "speech-ctc", "language": "en", "licence": "MIT",
        "description": "Demo for synthetic English in a small domain; not for real speech.",
        "sampleRate": 16000, "memoryMb": 256,
        "features": {"type": "log-mel", "window": "hann", "windowLength": 400, "hopLength": 160, "fftLength": 512,
                     "bins": 80, "melScale": "kaldi", "lowHz": 20, "highHz": 8000, "logFloor": 1e-6,
                     "dynamicRange": 14, "meanNormalize": True, "scale": 0.5},
        "ctc": {"model": "model.onnx", "input": "features", "output": "log_probs", "tokens": "tokens.txt",
                "blank": 0, "subsampling": 4},
        "decoder": {"words": "words.txt", "ngram": "words.arpa", "beam": 32},  # tune.py finds the other numbers
    }, {"model.onnx": data, "tokens.txt": ("\n".join(train_speech.TOKENS) + "\n").encode(),
        "words.txt": (work / "words.txt").read_bytes(), "words.arpa": (work / "words.arpa").read_bytes()})


def export_punctuation(work):
    import train_punctuation as punctuation
    model = punctuation.PunctuationModel()
    model.load_state_dict(torch.load(work / "punctuation.pt")["average"])
    inputs = (torch.zeros(5, punctuation.WORD_LENGTH, dtype=torch.int64), torch.zeros(5))
    data = to_onnx(model, inputs, ["chars", "pauses"], ["punctuation", "case"],
                   {name: {0: "words"} for name in ("chars", "pauses", "punctuation", "case")})
    write(MODELS / "punctuation", {
        "schema": 1, "name": "demo-en-punctuation", "kind": "punctuation", "language": "en", "licence": "MIT",
        "description": "Demo for English in a small domain: commas, periods, question marks and capitals.",
        "memoryMb": 64,
        "punctuation": {"model": "model.onnx", "alphabet": punctuation.ALPHABET,
                        "wordLength": punctuation.WORD_LENGTH, "maxWords": 256, "marks": punctuation.MARKS,
                        "cases": punctuation.CASES},
    }, {"model.onnx": data})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["speech", "punctuation"])
    parser.add_argument("--work", type=Path, default=REPOSITORY / "artifacts" / "demo-en")
    arguments = parser.parse_args()
    if arguments.what == "speech":
        export_speech(arguments.work)
    else:
        export_punctuation(arguments.work)


if __name__ == "__main__":
    main()
