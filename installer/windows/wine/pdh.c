/* Wine 8 ends programs that ask for counters it does not have. For tests under Wine only: every counter is absent. */
#include <windows.h>
#define ABSENT 0xC0000BB8
#define STUB(name) __declspec(dllexport) LONG WINAPI name(void) { return (LONG)ABSENT; }
STUB(PdhOpenQueryA) STUB(PdhOpenQueryW) STUB(PdhAddEnglishCounterA) STUB(PdhAddEnglishCounterW)
STUB(PdhAddCounterW) STUB(PdhCollectQueryData) STUB(PdhCollectQueryDataEx) STUB(PdhGetFormattedCounterValue)
STUB(PdhRemoveCounter) STUB(PdhCloseQuery) STUB(PdhEnumObjectsW) STUB(PdhEnumObjectItemsW)
STUB(PdhGetFormattedCounterArrayW) STUB(PdhLookupPerfNameByIndexW) STUB(PdhLookupPerfIndexByNameW)
