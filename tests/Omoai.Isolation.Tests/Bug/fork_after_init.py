"""Initialises a driver library (the argument) and prints what it says in this process and in its children."""
import ctypes
import multiprocessing
import os
import sys


def initialise(library):
    return ctypes.CDLL(library).cuInit(0)


def exit_with(library):
    sys.exit(initialise(library))


def by_multiprocessing(method, library):
    process = multiprocessing.get_context(method).Process(target=exit_with, args=(library,))
    process.start()
    process.join()
    return process.exitcode


def by_fork(library):
    child = os.fork()
    if child == 0:
        os._exit(initialise(library))
    return os.WEXITSTATUS(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    path = sys.argv[1]
    print("parent", initialise(path))
    results = [by_fork(path), by_multiprocessing("fork", path), by_multiprocessing("spawn", path)]
    print("os.fork %d\nmultiprocessing fork %d\nmultiprocessing spawn %d" % tuple(results))
