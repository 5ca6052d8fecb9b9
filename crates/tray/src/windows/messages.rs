//! The thread's message queue. The only unsafe code of this crate: Windows offers no other way to one.
#![expect(unsafe_code, reason = "a message queue can only be had from the Windows API")]

use std::ptr::null_mut;
use windows_sys::Win32::System::Threading::GetCurrentThreadId;
use windows_sys::Win32::UI::WindowsAndMessaging::{
    DispatchMessageW, GetMessageW, MSG, PM_NOREMOVE, PeekMessageW, PostThreadMessageW, TranslateMessage,
    WM_APP,
};

/// Makes this thread's queue and tells the thread's number, by which others can wake it.
pub(super) fn prepare() -> u32 {
    let mut message = MSG::default();
    // SAFETY: `message` is a valid place to write to; the call only makes the queue, as its documentation says.
    unsafe { PeekMessageW(&raw mut message, null_mut(), 0, 0, PM_NOREMOVE) };
    // SAFETY: has no precondition.
    unsafe { GetCurrentThreadId() }
}

/// Waits for one message and has it handled; `false` when the queue ended.
pub(super) fn next() -> bool {
    let mut message = MSG::default();
    // SAFETY: `message` is a valid place to write to, and stays so until the call returns.
    if unsafe { GetMessageW(&raw mut message, null_mut(), 0, 0) } <= 0 {
        return false;
    }
    // SAFETY: `message` was filled by `GetMessageW`.
    unsafe {
        TranslateMessage(&raw const message);
        DispatchMessageW(&raw const message);
    }
    true
}

/// Has `next` return on the thread of that number; does nothing when the thread is gone.
pub(super) fn wake(thread: u32) {
    // SAFETY: takes plain numbers; an unknown thread is an error that is of no consequence.
    unsafe { PostThreadMessageW(thread, WM_APP, 0, 0) };
}
