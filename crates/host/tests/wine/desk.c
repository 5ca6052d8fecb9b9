/* Does what the owner of a computer and Windows itself do, so that tests see what the sensors make of it.
 *
 * desk key                presses and releases a key
 * desk full SECONDS       shows a window over the whole screen
 * desk window SECONDS     shows a window that covers a part of it
 * desk tell MESSAGE W L   sends a message to the sensors' window and prints how many milliseconds it took to answer
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

/* The title's beginning; the number of the process follows. */
#define SENSES L"HiveMind Worker senses "
#define PATIENCE_MS 20000

static int show(int whole, int seconds)
{
    int width = GetSystemMetrics(SM_CXSCREEN), height = GetSystemMetrics(SM_CYSCREEN);
    ULONGLONG end = GetTickCount64() + 1000ull * seconds;
    HWND window;
    MSG message;

    if (whole)
        window = CreateWindowW(L"STATIC", L"film", WS_POPUP | WS_VISIBLE, 0, 0, width, height, NULL, NULL, NULL, NULL);
    else
        window = CreateWindowW(L"STATIC", L"letter", WS_OVERLAPPEDWINDOW | WS_VISIBLE, 10, 10, width / 2, height / 2,
                               NULL, NULL, NULL, NULL);
    if (!window || !SetForegroundWindow(window))
        return 3;
    puts("shown");
    fflush(stdout);
    while (GetTickCount64() < end) {
        while (PeekMessageW(&message, NULL, 0, 0, PM_REMOVE))
            DispatchMessageW(&message);
        Sleep(20);
    }
    DestroyWindow(window);
    return 0;
}

static BOOL CALLBACK is_senses(HWND window, LPARAM found)
{
    WCHAR title[64] = {0};

    GetWindowTextW(window, title, 64);
    if (wcsncmp(title, SENSES, wcslen(SENSES)))
        return TRUE;
    *(HWND *)found = window;
    return FALSE;
}

static int tell(UINT message, WPARAM wparam, LPARAM lparam)
{
    HWND window = NULL;
    ULONGLONG begun = GetTickCount64();
    DWORD_PTR answer = 0;

    EnumWindows(is_senses, (LPARAM)&window);
    if (!window)
        return 4;
    /* Nobody may see it or be kept from what they type. */
    if (IsWindowVisible(window) || GetForegroundWindow() == window)
        return 6;
    if (!SendMessageTimeoutW(window, message, wparam, lparam, SMTO_NORMAL, PATIENCE_MS, &answer))
        return 5;
    printf("%llu %llu\n", GetTickCount64() - begun, (unsigned long long)answer);
    return 0;
}

int main(int count, char **words)
{
    if (count == 2 && !strcmp(words[1], "key")) {
        keybd_event('A', 0, 0, 0);
        keybd_event('A', 0, KEYEVENTF_KEYUP, 0);
        return 0;
    }
    if (count == 3 && !strcmp(words[1], "full"))
        return show(1, atoi(words[2]));
    if (count == 3 && !strcmp(words[1], "window"))
        return show(0, atoi(words[2]));
    if (count == 5 && !strcmp(words[1], "tell"))
        return tell(strtoul(words[2], NULL, 0), strtoul(words[3], NULL, 0), strtol(words[4], NULL, 0));
    return 2;
}
