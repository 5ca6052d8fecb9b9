/* Stands in for the NVIDIA driver's library. STUB_GPUS: how many GPUs; STUB_INIT, STUB_COUNT, STUB_READ: the error
   that starting, counting and every reading answers; STUB_LOST: index of a GPU that has fallen off the bus. */
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
ret nvmlDeviceGetPowerUsage(device *d, unsigned *p) { *p = 123456; (void)d; return 3; /* not supported */ }
