//! The page of the sample alerts, and of a log that somebody edited.

use serde_json::Value;

use super::*;
use crate::alert::{Action, Body, ecs, sample};

fn line() -> Value {
    let alert = sample::alert(Action::Closed, 3, 12_000_456);
    serde_json::from_str(&ecs::line(&sample::record(Body::Alert(Box::new(alert))), true)).unwrap()
}

fn page(line: &Value) -> String {
    html(&Told::parse(&line.to_string()).unwrap().unwrap())
}

/// Names of the elements that a page opens.
fn elements(page: &str) -> Vec<&str> {
    let opened = page.split('<').skip(1).filter(|rest| !rest.starts_with(['/', '!']));
    opened.map(|rest| rest.split([' ', '>', '/']).next().unwrap()).collect()
}

#[test]
fn the_page_is_whole_and_loads_nothing() {
    let page = page(&line());
    for process in ["dash 4200", "tar 4201", "curl 4202", "/var/tmp/a.tgz", "198.51.100.7:443", "10 · (1 - "]
    {
        assert!(page.contains(process), "{process}");
    }
    let void = ["meta", "rect", "path", "html"];
    for element in elements(&page).into_iter().filter(|element| !void.contains(element)) {
        let (opened, closed) = (elements(&page), page.matches(&format!("</{element}>")).count());
        assert_eq!(opened.iter().filter(|other| **other == element).count(), closed, "<{element}>");
    }
    for loading in ["http://", "src=", "href=", "@import", "style=", "<script", "<link", "url(h"] {
        let page = page.replace("https://198.51.100.7/", "");
        assert!(!page.contains(loading), "{loading}");
    }
}

#[test]
fn hostile_text_stays_text() {
    const EVIL: &str = "</style></script><img src=x onerror=alert(1)>\" onload='x' <!--]]>&lt;";
    fn poison(value: &mut Value) {
        match value {
            Value::String(text) => text.push_str(EVIL),
            Value::Array(list) => list.iter_mut().for_each(poison),
            Value::Object(fields) => {
                // What joins nodes and edges stays, so that all of it is drawn.
                let kept = ["ip", "id", "kind", "from", "to", "entity_id", "stage"];
                let others = fields.iter_mut().filter(|(name, _)| !kept.contains(&name.as_str()));
                others.for_each(|(_, value)| poison(value));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let clean = page(&line());
    let mut value = line();
    poison(&mut value);
    value["event"]["kind"] = "alert".into();
    let poisoned = page(&value);
    assert!(poisoned.matches("onerror=alert(1)&gt;").count() > 20);
    let (clean, poisoned) = (elements(&clean), elements(&poisoned));
    for element in &poisoned {
        assert!(clean.contains(element), "<{element}>");
    }
    assert!(!poisoned.contains(&"img") && !poisoned.contains(&"script"));
}

#[test]
fn the_policy_allows_the_style_that_stands_in_the_page() {
    let page = page(&line());
    let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let hash = STANDARD.encode(Sha256::digest(style.as_bytes()));
    assert!(page.contains(&format!("style-src 'sha256-{hash}'")));
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn lines_are_thicker_with_ten_times_the_bytes() {
    let rows = [(None, 1.5), (Some(0), 1.5), (Some(999), 3.0), (Some(999_999), 6.0), (Some(u64::MAX), 9.0)];
    for (bytes, expected) in rows {
        assert!((picture::thickness(bytes) - expected).abs() < 1e-9, "{bytes:?}");
    }
}

#[test]
fn the_largest_alerts_have_pages() {
    for alert in [sample::hostile(), sample::monstrous()] {
        let line = ecs::line(&sample::record(Body::Alert(Box::new(alert))), true);
        let page = html(&Told::parse(&line).unwrap().unwrap());
        assert!(page.ends_with("</html>\n") && page.len() < 4 * ecs::LINE_MAX, "{}", page.len());
    }
}
