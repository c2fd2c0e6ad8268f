/* Stands in for CUDA's driver library in tests. As the real one, it can't be used in a process that was forked after cuInit:
   every call says CUDA_ERROR_NOT_INITIALIZED, cuInit too.
   GPU_FOLDER="…"  keeps the accounts of a pretended device's memory: a file for each process, named by its pid, see fake_nvml.c.
   INIT_RESULT=n   cuInit says n.
   DEVICES=n       how many devices it says there are.
   ENDLESS         fills a name's buffer and ends it with no zero.
   OLD             has no cuDeviceGetUuid_v2.
   BARE            has cuInit and cuDeviceGetCount only.
   ABSURD          gives versions and amounts that can't be. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef INIT_RESULT
#define INIT_RESULT 0
#endif
#ifndef DEVICES
#define DEVICES 1
#endif
#define CONTEXT_BYTES (300L << 20)

static pid_t owner; /* who called cuInit */

static int usable(void) { return owner == getpid(); }

__attribute__((unused)) static void account(long bytes)
{
#ifdef GPU_FOLDER
    static long total;
    char path[512];
    snprintf(path, sizeof path, "%s/%d", GPU_FOLDER, (int)getpid());
    total += bytes;
    FILE *file = fopen(path, "w");
    if (file) {
        fprintf(file, "%ld", total);
        fclose(file);
    }
#else
    (void)bytes;
#endif
}

int cuInit(unsigned flags)
{
    (void)flags;
    if (INIT_RESULT)
        return INIT_RESULT;
    if (owner && !usable())
        return 3;
    owner = getpid();
    return 0;
}

int cuDeviceGetCount(int *count)
{
    *count = DEVICES;
    return usable() ? 0 : 3;
}

/* No part of CUDA: forks, and gives what the child is told when it initialises and uses the driver, 10 times the one and the other. */
int fake_use_after_fork(void)
{
    int status, count;
    pid_t child = fork();
    if (child == 0)
        _exit(10 * cuInit(0) + cuDeviceGetCount(&count));
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#ifndef BARE
int cuDriverGetVersion(int *version)
{
#ifdef ABSURD
    *version = -7;
#else
    *version = 12040;
#endif
    return 0;
}

int cuDeviceGet(int *device, int ordinal)
{
    *device = 70 + ordinal;
    return usable() ? 0 : 3;
}

int cuDeviceGetName(char *name, int length, int device)
{
#ifdef ENDLESS
    memset(name, 'x', length);
    name[0] = 27;
#else
    snprintf(name, length, "Fake GPU %d", device - 70);
#endif
    return 0;
}

int cuDeviceTotalMem_v2(size_t *bytes, int device)
{
    (void)device;
#ifdef ABSURD
    *bytes = ~(size_t)0;
#else
    *bytes = (size_t)8 << 30;
#endif
    return 0;
}

static int uuid(unsigned char *bytes, int device)
{
    for (int i = 0; i < 16; i++)
        bytes[i] = (unsigned char)(i * 16 + i);
    bytes[15] = (unsigned char)(device - 70);
    return 0;
}

int cuDeviceGetUuid(unsigned char *bytes, int device) { return uuid(bytes, device); }
#ifndef OLD
int cuDeviceGetUuid_v2(unsigned char *bytes, int device) { return uuid(bytes, device); }
#endif

int cuCtxCreate_v2(void **context, unsigned flags, int device)
{
    (void)flags, (void)device;
    if (!usable())
        return 3;
    *context = (void *)1;
    account(CONTEXT_BYTES);
    return 0;
}

int cuCtxDestroy_v2(void *context)
{
    (void)context;
    if (!usable())
        return 3;
    account(-CONTEXT_BYTES);
    return 0;
}

int cuMemAlloc_v2(unsigned long long *pointer, size_t bytes)
{
    if (!usable())
        return 3;
    *pointer = 0x1000;
    account((long)bytes);
    return 0;
}
#endif
