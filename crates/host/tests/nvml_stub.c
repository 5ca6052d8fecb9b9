/* Stands in for the NVIDIA driver's library. STUB_GPUS: how many GPUs; STUB_INIT, STUB_COUNT, STUB_READ: the error
   that starting, counting and every reading answers; STUB_LOST: index of a GPU that has fallen off the bus;
   STUB_PID: a process that computes on every GPU; STUB_SHARES: whether busy shares per process are kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int ret;
typedef struct { int index; } device;
static device devices[64];

static int number(const char *name) { const char *v = getenv(name); return v ? atoi(v) : 0; }
static int lost(device *d) { const char *v = getenv("STUB_LOST"); return v && atoi(v) == d->index ? 15 : number("STUB_READ"); }

ret nvmlInit_v2(void) { return number("STUB_INIT"); }
ret nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(ret r) { (void)r; return "stub"; }
ret nvmlDeviceGetCount_v2(unsigned *n) { *n = number("STUB_GPUS"); return number("STUB_COUNT"); }
ret nvmlDeviceGetHandleByIndex_v2(unsigned i, device **d) {
    if (i >= 64 || (int)i >= number("STUB_GPUS")) return 2;
    devices[i].index = i; *d = &devices[i]; return 0;
}
ret nvmlDeviceGetHandleByUUID(const char *u, device **d) {
    int i;
    if (sscanf(u, "GPU-stub-%d", &i) != 1) return 6;
    return nvmlDeviceGetHandleByIndex_v2(i, d);
}
ret nvmlDeviceGetUUID(device *d, char *b, unsigned n) { snprintf(b, n, "GPU-stub-%d", d->index); return lost(d); }
ret nvmlDeviceGetName(device *d, char *b, unsigned n) { snprintf(b, n, "Stub \033[31m%d", d->index); return lost(d); }
ret nvmlDeviceGetMemoryInfo(device *d, unsigned long long *m) {
    m[0] = 8ULL << 30; m[1] = 6ULL << 30; m[2] = 2ULL << 30; return lost(d);
}
/* The second version has its version number in front. */
ret nvmlDeviceGetMemoryInfo_v2(device *d, void *p) {
    unsigned long long *m = p; m[1] = 8ULL << 30; m[2] = 0; m[3] = 6ULL << 30; m[4] = 2ULL << 30; return lost(d);
}
ret nvmlDeviceGetUtilizationRates(device *d, unsigned *u) { u[0] = 10 * (d->index + 1); u[1] = 5; return lost(d); }
ret nvmlDeviceGetTemperature(device *d, int sensor, unsigned *t) { (void)sensor; *t = 60 + d->index; return lost(d); }
typedef struct { unsigned pid; unsigned long long used; unsigned gpu, compute; } process;
ret nvmlDeviceGetComputeRunningProcesses_v3(device *d, unsigned *count, process *p) {
    unsigned room = *count, have = number("STUB_PID") ? 1 : 0;
    *count = have;
    if (lost(d)) return lost(d);
    if (!have) return 0;
    if (!p || room < have) return 7; /* insufficient size */
    p[0].pid = number("STUB_PID"); p[0].used = 1ULL << 30; p[0].gpu = p[0].compute = 0xFFFFFFFF;
    return 0;
}
typedef struct { unsigned pid; unsigned long long stamp; unsigned sm, mem, enc, dec; } share;
ret nvmlDeviceGetProcessUtilization(device *d, share *s, unsigned *count, unsigned long long since) {
    unsigned room = *count; (void)since;
    if (!number("STUB_SHARES")) return 3; /* not supported */
    if (lost(d)) return lost(d);
    *count = 2;
    if (!s || room < 2) return 7;
    s[0].pid = s[1].pid = number("STUB_PID"); s[0].stamp = 1; s[0].sm = 99; s[1].stamp = 2; s[1].sm = 7 + d->index;
    s[0].mem = s[0].enc = s[0].dec = s[1].mem = s[1].enc = s[1].dec = 0;
    return 0;
}
ret nvmlDeviceGetPowerUsage(device *d, unsigned *p) { *p = 123456; (void)d; return 3; /* not supported */ }
