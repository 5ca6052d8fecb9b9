//! What a person does at the window, step by step, from the list that the browser's suite plays too.

use crate::engine_door::EngineDoor;
use crate::package::ticking;
use crate::page::Page;
use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::requester::{PASSWORD, Person, Wish};
use crate::stage::{Stage, WINDOW};
use crate::worker::Worker;
use serde_json::Value;

const LIST: &str = include_str!("../scenarios/window.json");

/// Everything around the window.
struct World<'a> {
    pool: Pool,
    asks: Person,
    door: EngineDoor,
    page: Page,
    _worker: &'a Worker<'a>,
}

/// A part's name with conditions, parts inside others after a space.
fn selector(place: &str) -> String {
    if let Some(selector) = place.strip_prefix("css:") {
        return selector.to_owned();
    }
    let part = |word: &str| {
        let (name, conditions) = word.find('[').map_or((word, ""), |at| word.split_at(at));
        let conditions = conditions.replace('=', "='").replace(']', "']");
        format!("[data-testid='{name}']{conditions}")
    };
    place.split(' ').map(part).collect::<Vec<_>>().join(" ")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

impl World<'_> {
    async fn step(&mut self, what: &str, with: &Value) {
        let page = &self.page;
        match what {
            "click" => page.click(&selector(text(with))).await,
            "see" => page.wait_for(&selector(text(with))).await,
            "gone" => {
                let place = selector(text(with));
                until(&format!("{place} is gone"), LONG, async || {
                    (!page.is_there(&place).await).then_some(())
                })
                .await;
            }
            "type" => {
                let said = text(&with[1]).replace("$PASSWORD", PASSWORD);
                page.retype(&selector(text(&with[0])), &said).await;
            }
            "choose" => {
                let option = format!("{} option[value='{}']", selector(text(&with[0])), text(&with[1]));
                page.click(&option).await;
            }
            "is" => page.wait_for_attribute(&selector(text(&with[0])), text(&with[1]), text(&with[2])).await,
            "atLeast" => {
                let (place, name) = (selector(text(&with[0])), text(&with[1]));
                let least = with[2].as_u64().expect("a number");
                until(&format!("{place} with {name} of at least {least}"), LONG, async || {
                    page.number(&place, name).await.filter(|number| *number >= least)
                })
                .await;
            }
            "contains" => {
                let (place, part) = (selector(text(&with[0])), text(&with[1]));
                until(&format!("{place} with the text {part}"), LONG, async || {
                    page.text(&place).await.contains(part).then_some(())
                })
                .await;
            }
            "world" => self.turn(text(with)).await,
            other => panic!("nobody knows how to {other}"),
        }
    }

    async fn turn(&mut self, what: &str) {
        match what {
            "submit" => {
                self.asks.submit("scenario", ticking(5.0), &Wish::default()).await;
            }
            "engine away" => self.door.shut(),
            "engine back" => self.door.open().await,
            "pool away" => self.pool.kill().await,
            "pool back" => self.pool.start().await,
            other => panic!("nobody knows how to turn the world to {other}"),
        }
    }
}

#[tokio::test]
async fn the_window_plays_every_scenario() {
    let Some(stage) = Stage::open("the_window_plays_every_scenario", WINDOW).await else { return };
    let mut door = EngineDoor::before(&stage.scene.engine.address, stage.scene.path("engine.sock"));
    door.open().await;
    let pool = Pool::open(&stage.scene).await;
    let asks = pool.person("asks").await;
    pool.person("works").await;
    let engine = ("DOCKER_HOST", door.address());
    let mut worker = stage.worker_with(&pool.master(), &["run"], &[engine]).await;
    let page = Page::window(&stage, &stage.scene.path("worker").join("run/worker.sock")).await;
    page.wait_for("[data-testid=app][data-host=tauri]").await;
    let list: Value = serde_json::from_str(LIST).expect("the list");
    {
        let mut world = World { pool, asks, door, page, _worker: &worker };
        for scenario in list["scenarios"].as_array().expect("scenarios") {
            println!("scenario: {}", text(&scenario["name"]));
            for step in scenario["steps"].as_array().expect("steps") {
                println!("  {step}");
                let (what, with) = step.as_object().and_then(|step| step.iter().next()).expect("a step");
                world.step(what, with).await;
            }
        }
        world.page.gone().await;
    }
    worker.end().await;
    stage.close().await;
}
