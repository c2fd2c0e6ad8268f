/* Stands in for NVML in tests.
   By itself:       100 MiB more are used on the device each time somebody asks, and from the second time on the process that asks is
                    listed with 300 MiB.
   GPU_FOLDER="…"   what is used on the device is what fake_cuda.c wrote there for processes that still run, and 1 GiB.
   OTHER_PIDS       lists processes by pids that nobody here has, as in some containers.
   MPS              lists the process that asks as an MPS client only.
   LARGE            _v3 writes the larger structure of some 535 drivers.
   V3_ONLY          has no _v2 of the lists.
   INIT_RESULT=n    nvmlInit_v2 says n.
   COUNT_RESULT=n   nvmlDeviceGetCount_v2 says n.
   DEVICES=n        how many devices it says there are.
   PROCESSES=n      how many processes it says to have listed, whatever it was given room for.
   ENDLESS          fills a text's buffer and ends it with no zero.
   ABSURD           gives amounts that can't be.
   NOISY            says on stderr that it was loaded.
   BARE             has nvmlInit_v2 and nvmlDeviceGetCount_v2 only. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef INIT_RESULT
#define INIT_RESULT 0
#endif
#ifndef COUNT_RESULT
#define COUNT_RESULT 0
#endif
#ifndef DEVICES
#define DEVICES 1
#endif
#define MIB (1ULL << 20)

typedef struct {
    unsigned pid;
    unsigned long long used;
    unsigned gpu_instance, compute_instance;
} process;

typedef struct {
    process first;
    unsigned long long protected_memory;
} large_process;

typedef struct {
    unsigned long long total, free, used;
} memory;

#ifdef NOISY
__attribute__((constructor)) static void loaded(void) { fputs("nvml loaded\n", stderr); }
#endif

int nvmlInit_v2(void) { return INIT_RESULT; }

int nvmlDeviceGetCount_v2(unsigned *count)
{
    *count = DEVICES;
    return COUNT_RESULT;
}

#ifndef BARE
int nvmlShutdown(void) { return 0; }

static int text(char *buffer, unsigned length, const char *value)
{
#ifdef ENDLESS
    memset(buffer, 'y', length);
    (void)value;
#else
    snprintf(buffer, length, "%s", value);
#endif
    return 0;
}

int nvmlSystemGetDriverVersion(char *buffer, unsigned length) { return text(buffer, length, "550.54.15"); }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
    *device = (void *)(unsigned long)(index + 1);
    return 0;
}

int nvmlDeviceGetName(void *device, char *buffer, unsigned length)
{
    (void)device;
    return text(buffer, length, "Fake GPU");
}

int nvmlDeviceGetUUID(void *device, char *buffer, unsigned length)
{
    char value[64];
    snprintf(value, sizeof value, "GPU-00112233-4455-6677-8899-aabbccddee%02x", (unsigned)(unsigned long)device - 1);
    return text(buffer, length, value);
}

__attribute__((unused)) static int asked; /* how often somebody asked for the memory */

int nvmlDeviceGetMemoryInfo(void *device, memory *info)
{
    (void)device;
    info->total = 8192 * MIB;
#ifdef ABSURD
    info->total = ~0ULL;
    info->used = ~0ULL;
#elif defined(GPU_FOLDER)
    info->used = 1024 * MIB;
    DIR *folder = opendir(GPU_FOLDER);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        int pid = atoi(entry->d_name);
        char path[512], line[32] = "";
        snprintf(path, sizeof path, "%s/%s", GPU_FOLDER, entry->d_name);
        FILE *file = pid > 0 && kill(pid, 0) == 0 ? fopen(path, "r") : NULL;
        if (file && fgets(line, sizeof line, file))
            info->used += strtoull(line, NULL, 10);
        if (file)
            fclose(file);
    }
    if (folder)
        closedir(folder);
#else
    info->used = (1024 + 100 * ++asked) * MIB;
#endif
    info->free = info->total - info->used;
    return 0;
}

/* Writes one process more. */
static void add(char *out, unsigned *n, size_t size, unsigned pid, unsigned long long used)
{
#ifdef ABSURD
    used = ~0ULL;
#endif
    process entry = { .pid = pid, .used = used };
    memcpy(out + size * (*n)++, &entry, sizeof entry);
}

static int list(unsigned *count, void *out, size_t size, int mps)
{
    unsigned n = 0;
    if (*count < 2)
        return 7;
    add(out, &n, size, 2000000001u, 50 * MIB);
#ifdef OTHER_PIDS
    add(out, &n, size, 2000000002u, 300 * MIB);
#elif defined(MPS)
    if (mps && asked > 1)
        add(out, &n, size, (unsigned)getpid(), 300 * MIB);
#else
    if (!mps && asked > 1)
        add(out, &n, size, (unsigned)getpid(), 300 * MIB);
#endif
#ifdef PROCESSES
    n = PROCESSES;
#endif
    *count = n;
    (void)mps;
    return 0;
}

#ifdef LARGE
#define V3_SIZE sizeof(large_process)
#else
#define V3_SIZE sizeof(process)
#endif

#ifndef V3_ONLY
int nvmlDeviceGetComputeRunningProcesses_v2(void *device, unsigned *count, void *out)
{
    (void)device;
    return list(count, out, sizeof(process), 0);
}
#endif

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, void *out)
{
    (void)device;
    return list(count, out, V3_SIZE, 0);
}

int nvmlDeviceGetMPSComputeRunningProcesses_v3(void *device, unsigned *count, void *out)
{
    (void)device;
    return list(count, out, V3_SIZE, 1);
}
#endif
