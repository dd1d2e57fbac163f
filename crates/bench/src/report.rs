//! What is told to the runner: a JSON object a line on standard output.

use std::io::Write;
use std::time::{Duration, Instant};

use serde::Serialize;

/// Time between two lines of progress.
const PROGRESS: Duration = Duration::from_millis(500);

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Line<'a, R: Serialize> {
    Progress { what: &'a str, share: f64 },
    Result(&'a R),
}

/// Tells a figure.
pub(crate) fn result<R: Serialize>(result: &R) {
    line(&Line::Result(result));
}

/// Tells from time to time how far a step is.
pub(crate) struct Progress {
    what: String,
    next: Instant,
}

impl Progress {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        let progress = Self { what: what.into(), next: Instant::now() + PROGRESS };
        line::<()>(&Line::Progress { what: &progress.what, share: 0.0 });
        progress
    }

    /// `share` of the step is done, from 0 to 1.
    pub(crate) fn at(&mut self, share: f64) {
        let now = Instant::now();
        if now >= self.next {
            self.next = now + PROGRESS;
            line::<()>(&Line::Progress { what: &self.what, share: share.clamp(0.0, 1.0) });
        }
    }
}

fn line<R: Serialize>(line: &Line<'_, R>) {
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    // A runner that is gone needs no figures.
    let _ = std::io::stdout().lock().write_all(&text);
}
