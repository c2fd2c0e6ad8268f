"""The inference of bench/isolation in Python, in a fresh process for each call: see docs/benchmarks.md.

    peer.py LIBRARY MODEL FEATURES BINS         reads lines "spawn" and "subprocess" from stdin and answers each with a
                                                line of JSON: the milliseconds from call to result and the ids
    peer.py LIBRARY MODEL FEATURES BINS once    is the fresh process of "subprocess": one inference, the ids to stdout

LIBRARY is the ONNX Runtime that the activity host uses, called by ctypes through its function table: no package is needed.
"""
import array
import ctypes
import json
import multiprocessing
import subprocess
import sys
import time

API_VERSION = 16
FLOAT = 1


def infer(library, model, features, bins):
    """The likeliest token of each frame."""
    ort = ctypes.CDLL(library)
    ort.OrtGetApiBase.restype = ctypes.POINTER(ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint32))
    table = ctypes.cast(ort.OrtGetApiBase()[0](API_VERSION), ctypes.POINTER(ctypes.c_void_p))
    error_message = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p)(table[2])

    def call(index, *arguments):
        types = [ctypes.c_int if isinstance(argument, int) else ctypes.c_void_p for argument in arguments]
        pointers = [a if isinstance(a, int) else ctypes.cast(a, ctypes.c_void_p) for a in arguments]
        status = ctypes.CFUNCTYPE(ctypes.c_void_p, *types)(table[index])(*pointers)
        if status:
            raise RuntimeError(error_message(status).decode())

    def create(index, *arguments):
        made = ctypes.c_void_p()
        call(index, *arguments, ctypes.byref(made))
        return made

    # The numbers are places in struct OrtApi; entries are only ever appended to it.
    environment = create(3, 2, ctypes.c_char_p(b"peer"))
    options = create(10)
    call(24, options, 1)  # SetIntraOpNumThreads
    call(25, options, 1)  # SetInterOpNumThreads
    session = create(7, environment, ctypes.c_char_p(model.encode()), options)

    values = array.array("f")
    with open(features, "rb") as file:
        values.frombytes(file.read())
    buffer = (ctypes.c_float * len(values)).from_buffer(values)
    memory = create(69, 0, 0)  # CreateCpuMemoryInfo: device allocator, default memory
    shape = (ctypes.c_int64 * 3)(1, len(values) // bins, bins)
    tensor = ctypes.c_void_p()
    create_tensor = ctypes.CFUNCTYPE(
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int,
        ctypes.c_void_p)(table[49])
    if create_tensor(memory, buffer, ctypes.sizeof(buffer), shape, 3, FLOAT, ctypes.byref(tensor)):
        raise RuntimeError("no tensor")

    output = ctypes.c_void_p()
    run = ctypes.CFUNCTYPE(
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p,
        ctypes.c_size_t, ctypes.c_void_p)(table[9])
    status = run(
        session, None, (ctypes.c_char_p * 1)(b"features"), ctypes.byref(tensor), 1, (ctypes.c_char_p * 1)(b"log_probs"), 1,
        ctypes.byref(output))
    if status:
        raise RuntimeError(error_message(status).decode())

    facts = create(65, output)  # GetTensorTypeAndShape
    dimensions = (ctypes.c_int64 * 3)()
    get_dimensions = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)(table[62])
    if get_dimensions(facts, dimensions, 3):
        raise RuntimeError("no shape")
    _, frames, tokens = dimensions
    scores = ctypes.cast(create(51, output), ctypes.POINTER(ctypes.c_float * (frames * tokens))).contents
    ids = []
    for frame in range(frames):
        row = scores[frame * tokens:(frame + 1) * tokens]
        ids.append(row.index(max(row)))
    return ids


def child(connection, library, model, features, bins):
    connection.send(infer(library, model, features, bins))


def by_spawn(arguments):
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=child, args=(theirs, *arguments))
    process.start()
    theirs.close()
    ids = ours.recv()
    process.join()
    return ids


def by_subprocess(arguments):
    command = [sys.executable, __file__, *map(str, arguments), "once"]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def main():
    library, model, features, bins, *once = sys.argv[1:]
    arguments = (library, model, features, int(bins))
    if once:
        print(json.dumps(infer(*arguments)))
        return
    ways = {"spawn": by_spawn, "subprocess": by_subprocess}
    for line in sys.stdin:
        begun = time.perf_counter()
        ids = ways[line.strip()](arguments)
        print(json.dumps({"milliseconds": (time.perf_counter() - begun) * 1000, "ids": ids}), flush=True)


if __name__ == "__main__":
    main()
