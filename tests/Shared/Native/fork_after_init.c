/* Initialises a driver library (the argument) and prints what it says in this process and in one forked from it; last, what it says in a
   process forked before anybody initialised it. */
#include <dlfcn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int in_child(int (*initialise)(unsigned))
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(initialise(0));
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(int argc, char **argv)
{
    void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
    int (*initialise)(unsigned) = library ? (int (*)(unsigned))dlsym(library, "cuInit") : NULL;
    if (!initialise)
        return 1;
    int first = in_child(initialise);
    int parent = initialise(0);
    printf("parent %d\nfork %d\nfork first %d\n", parent, in_child(initialise), first);
    return 0;
}
