//! Draws every picture of `icons/` from its SVG sources: `cargo run -p hivemind-tray --features icons --example icons`.
//!
//! Writes `NxN.png` and `icon.ico` for the application, and for the tray `tray/STATE-N.argb`: N×N pixels of alpha, red,
//! green, blue, as the StatusNotifierItem protocol wants them.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use std::error::Error;
use std::fs;
use std::path::Path;

const SIZES: [u32; 7] = [16, 24, 32, 48, 64, 128, 256];
const IN_ICO: [u32; 6] = [16, 24, 32, 48, 64, 256];
const TRAY_SIZES: [u32; 2] = [24, 48];
const STATES: [&str; 7] = ["earning", "ready", "yielding", "snoozed", "off", "connecting", "needs_you"];

fn main() -> Result<(), Box<dyn Error>> {
    let icons = Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs this")).join("../../icons");
    let application = fs::read_to_string(icons.join("hivemind-worker.svg"))?;
    for size in SIZES {
        fs::write(icons.join(format!("{size}x{size}.png")), draw(&application, size)?.encode_png()?)?;
    }
    fs::write(icons.join("icon.ico"), ico(&application)?)?;
    for state in STATES {
        let source = fs::read_to_string(icons.join(format!("tray/{state}.svg")))?;
        for size in TRAY_SIZES {
            fs::write(icons.join(format!("tray/{state}-{size}.argb")), argb(&draw(&source, size)?))?;
        }
    }
    Ok(())
}

fn draw(svg: &str, size: u32) -> Result<Pixmap, Box<dyn Error>> {
    let tree = Tree::from_str(svg, &Options::default())?;
    let mut pixels = Pixmap::new(size, size).ok_or("no pixels")?;
    #[expect(clippy::cast_precision_loss, reason = "sizes are small")]
    let scale = size as f32 / tree.size().width();
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    Ok(pixels)
}

fn argb(pixels: &Pixmap) -> Vec<u8> {
    let straight = pixels.pixels().iter().map(|p| p.demultiply());
    straight.flat_map(|p| [p.alpha(), p.red(), p.green(), p.blue()]).collect()
}

/// An icon file whose pictures are PNG, which every Windows since Vista reads.
fn ico(svg: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let pictures = IN_ICO.iter().map(|&size| Ok((size, draw(svg, size)?.encode_png()?)));
    let pictures: Vec<(u32, Vec<u8>)> = pictures.collect::<Result<_, Box<dyn Error>>>()?;
    let mut file = vec![0, 0, 1, 0];
    file.extend(u16::try_from(pictures.len())?.to_le_bytes());
    let mut offset = 6 + 16 * pictures.len();
    for (size, png) in &pictures {
        // 256 is written as 0.
        let edge = u8::try_from(*size % 256)?;
        file.extend([edge, edge, 0, 0, 1, 0, 32, 0]);
        file.extend(u32::try_from(png.len())?.to_le_bytes());
        file.extend(u32::try_from(offset)?.to_le_bytes());
        offset += png.len();
    }
    pictures.iter().for_each(|(_, png)| file.extend(png));
    Ok(file)
}
