//! Hostile `hivemind.toml` files.

use super::List;
use crate::zip::{End, deflated, main_py, stored, zip};

/// What it tries, and its text.
const LINES: &[(&str, &str)] = &[
    ("privileged", "privileged = true"),
    ("host network", "network = \"host\""),
    ("network table", "[network]\nmode = \"host\""),
    ("mounts", "mounts = [\"/:/host\"]"),
    ("host table", "[host]\nbinds = [\"/\"]"),
    ("user root", "user = \"root\""),
    ("capabilities", "cap_add = [\"SYS_ADMIN\"]"),
    ("devices", "devices = [\"/dev/sda\"]"),
    ("environment", "env = { LD_PRELOAD = \"evil.so\" }"),
    ("entry point", "entrypoint = \"/bin/sh\""),
    ("absolute entry file", "entry = \"/etc/passwd\""),
    ("working folder", "workdir = \"/\""),
    ("runtime", "runtime = \"runc\""),
    ("security options", "security_opt = [\"seccomp=unconfined\"]"),
    ("limits", "[limits]\nmemory = \"1TB\""),
    ("image as a number", "image = 5"),
    ("image as a list", "image = [\"python\"]"),
    ("image as a table", "image = { name = \"python\" }"),
    ("image as a time", "image = 1979-05-27T07:32:00Z"),
    ("image as an option", "image = \"--privileged\""),
    ("image as a short option", "image = \"-v/:/host\""),
    ("image in capitals", "image = \"PYTHON\""),
    ("image with a space", "image = \"python 3\""),
    ("image with a newline", "image = \"python\\n--privileged\""),
    ("image with a query", "image = \"python?fromSrc=http://evil\""),
    ("image as a path", "image = \"../../etc\""),
    ("image as a URL", "image = \"http://evil/x\""),
    ("image with NUL", "image = \"python\\u0000x\""),
    ("image with an escape", "image = \"py\\u001b[2Jthon\""),
    ("image that is empty", "image = \"\""),
    ("image with an odd digest", "image = \"python@sha256:zz\""),
    ("image with a letter of another script", "image = \"p\u{443}thon\""),
    ("command of nothing", "command = []"),
    ("command of an empty program", "command = [\"\"]"),
    ("command as a number", "command = 1"),
    ("command as a truth", "command = true"),
    ("command as a table", "command = { run = \"sh\" }"),
    ("command of numbers", "command = [1, 2]"),
    ("command of lists", "command = [[\"sh\"]]"),
    ("command with NUL", "command = [\"sh\", \"a\\u0000b\"]"),
    ("command line with NUL", "command = \"echo a\\u0000b\""),
    ("key twice", "image = \"a\"\nimage = \"b\""),
    ("key twice, once quoted", "image = \"a\"\n\"image\" = \"b\""),
    ("dotted key", "image.name = \"a\""),
    ("key in capitals", "Image = \"python\""),
    ("key with an escape", "\"im\\u0061ge2\" = \"python\""),
    ("no TOML", "{}{}{}"),
    ("JSON", "{\"image\": \"python\"}"),
    ("YAML", "image: python\ncommand: !!python/object/apply:os.system [id]"),
    ("open text", "image = \"python"),
    ("open list", "command = [\"sh\","),
    ("surrogate escape", "image = \"\\ud800\""),
    ("carriage returns alone", "image = \"a\"\rcommand = [\"b\"]"),
    ("prototype", "__proto__ = { image = \"a\" }"),
];

pub(super) fn add(list: &mut List) {
    for (what, text) in LINES {
        list.refused(
            format!("manifest {what}"),
            "main.py beside this hivemind.toml",
            "manifest",
            "hivemind.toml",
            move || zip(&[main_py(), stored("hivemind.toml", text.as_bytes())], &End::default()),
        );
    }
    list.refused("manifest in the top folder", "job/hivemind.toml", "manifest", "job/hivemind.toml", || {
        zip(&[stored("job/main.py", b""), stored("job/hivemind.toml", b"privileged = true")], &End::default())
    });
    let mut built = |what: &str, text: Vec<u8>| {
        list.refused(format!("manifest {what}"), "made by code", "manifest", "hivemind.toml", move || {
            zip(&[main_py(), deflated("hivemind.toml", &text)], &End::default())
        });
    };
    built("of 70 KB", vec![b'#'; 70_000]);
    built("of no UTF-8", b"image = \"\xff\xfe\"".to_vec());
    built("in UTF-16", "image = \"python\"".encode_utf16().flat_map(u16::to_le_bytes).collect());
    built("of NUL", vec![0; 600]);
    built("30,000 brackets deep", [b"command = ".to_vec(), vec![b'['; 30_000]].concat());
    built(
        "30,000 brackets deep and closed",
        [b"command = ".to_vec(), vec![b'['; 30_000], vec![b']'; 30_000]].concat(),
    );
    built("10,000 tables deep", b"image = { a = ".repeat(4_000));
    built("a key of 10,000 parts", [b"a.".repeat(10_000), b"a = 1".to_vec()].concat());
    built("5,000 tables", (0..5_000).flat_map(|n| format!("[t{n}]\n").into_bytes()).collect());
    built(
        "5,000 nested tables",
        (0..300).flat_map(|n| format!("[{}]\n", vec!["t"; n + 1].join(".")).into_bytes()).collect(),
    );
    built("257 parts", format!("command = [{}]", "\"x\",".repeat(257)).into_bytes());
    built("an image of 60 KB", format!("image = \"{}\"", "x".repeat(60_000)).into_bytes());
    built("a number of 60 KB", format!("image = {}", "9".repeat(60_000)).into_bytes());
    list.taken("manifest, empty", "an empty hivemind.toml says nothing", || {
        zip(&[main_py(), stored("hivemind.toml", b"")], &End::default())
    });
    list.taken("manifest, good", "image and command", || {
        let text = b"image = \"python:3.12\"\ncommand = [\"python3\", \"main.py\"]\n";
        zip(&[main_py(), stored("hivemind.toml", text)], &End::default())
    });
    list.taken("manifest, a command of 60 KB", "one long word", || {
        let text = format!("command = [\"{}\"]", "x".repeat(60_000));
        zip(&[main_py(), stored("hivemind.toml", text.as_bytes())], &End::default())
    });
    list.taken("manifest, 60 KB of comment", "fits", || {
        zip(&[main_py(), stored("hivemind.toml", &[b'#'; 60_000])], &End::default())
    });
}
