//! What a person does with the windows on a display, without a window manager between.

use x11rb::connection::Connection;
use x11rb::protocol::xproto::{AtomEnum, ClientMessageEvent, ConnectionExt, EventMask, ImageFormat, Window};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

/// The ground of our page, light, as the screen holds it: blue, green, red.
const GROUND: [u8; 3] = [0xee, 0xf4, 0xf6];
/// How X names the key F11.
pub const F11: u32 = 0xffc8;
/// What a keyboard and a mouse report.
const KEY_DOWN: u8 = 2;
const KEY_UP: u8 = 3;
const MOVED: u8 = 6;
/// A line through the middle of the screen with so many points in that colour is a painted page.
const ENOUGH: usize = 40;

/// Whether our page is painted somewhere on `display`.
pub fn page_is_painted(display: &str) -> bool {
    let (x, screen) = RustConnection::connect(Some(display)).expect("a display");
    let root = &x.setup().roots[screen];
    let middle = i16::try_from(root.height_in_pixels / 2).expect("a screen");
    let image = x.get_image(ImageFormat::Z_PIXMAP, root.root, 0, middle, root.width_in_pixels, 1, u32::MAX);
    let image = image.expect("sent").reply().expect("a line of the screen");
    image.data.chunks_exact(4).filter(|point| point.starts_with(&GROUND)).count() >= ENOUGH
}

/// Asks every window of `program` on `display` to close, as the button in its frame does; how many there were.
pub fn close_windows(display: &str, program: &str) -> usize {
    let (x, screen) = RustConnection::connect(Some(display)).expect("a display");
    let root = x.setup().roots[screen].root;
    let atom =
        |name: &str| x.intern_atom(false, name.as_bytes()).expect("sent").reply().expect("a name").atom;
    let (protocols, delete) = (atom("WM_PROTOCOLS"), atom("WM_DELETE_WINDOW"));
    let windows: Vec<_> =
        children(&x, root).into_iter().filter(|window| is_of(&x, *window, program)).collect();
    for window in &windows {
        let event = ClientMessageEvent::new(32, *window, protocols, [delete, 0, 0, 0, 0]);
        x.send_event(false, *window, EventMask::NO_EVENT, event).expect("sent").check().expect("taken");
    }
    windows.len()
}

/// Moves the mouse on `display`, as the hardware would.
pub fn move_mouse(display: &str) {
    let (x, screen) = RustConnection::connect(Some(display)).expect("a display");
    let root = x.setup().roots[screen].root;
    for place in [40, 60] {
        x.xtest_fake_input(MOVED, 0, 0, root, place, place, 0).expect("sent").check().expect("moved");
    }
}

/// Presses a key on `display`, as the hardware would: whoever has the keyboard gets it.
pub fn press(display: &str, key: u32) {
    let (x, screen) = RustConnection::connect(Some(display)).expect("a display");
    let (root, codes) = (x.setup().roots[screen].root, x.setup().min_keycode..=x.setup().max_keycode);
    let many = codes.end() - codes.start() + 1;
    let known = x.get_keyboard_mapping(*codes.start(), many).expect("sent").reply().expect("a keyboard");
    let mut keys = known.keysyms.chunks(known.keysyms_per_keycode.into());
    let place = keys.position(|meanings| meanings.contains(&key)).expect("a keyboard with this key");
    let code = codes.start() + u8::try_from(place).expect("a key");
    for what in [KEY_DOWN, KEY_UP] {
        x.xtest_fake_input(what, code, 0, root, 0, 0, 0).expect("sent").check().expect("pressed");
    }
}

fn children(x: &RustConnection, window: Window) -> Vec<Window> {
    x.query_tree(window).expect("sent").reply().map(|tree| tree.children).unwrap_or_default()
}

/// Whether it is a visible window of this program.
fn is_of(x: &RustConnection, window: Window, program: &str) -> bool {
    let class =
        x.get_property(false, window, AtomEnum::WM_CLASS, AtomEnum::STRING, 0, 64).expect("sent").reply();
    let class = class.map(|answer| answer.value.to_ascii_lowercase()).unwrap_or_default();
    let shown = x.get_window_attributes(window).expect("sent").reply();
    let shown = shown.is_ok_and(|about| about.map_state == x11rb::protocol::xproto::MapState::VIEWABLE);
    shown && class.split(|byte| *byte == 0).any(|name| name == program.as_bytes())
}
