/* A library that says so when it is loaded: it makes a file of its own name and `.loaded`. */
#include <windows.h>

BOOL WINAPI DllMain(HINSTANCE own, DWORD why, LPVOID reserved)
{
    WCHAR path[MAX_PATH + 8];
    DWORD length;
    HANDLE file;
    (void)reserved;
    if (why != DLL_PROCESS_ATTACH)
        return TRUE;
    length = GetModuleFileNameW(own, path, MAX_PATH);
    if (length == 0 || length >= MAX_PATH)
        return FALSE;
    lstrcpyW(path + length, L".loaded");
    file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return FALSE;
    CloseHandle(file);
    return TRUE;
}
