//! Something that is opened when it is needed, once for all who ask for it.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;
use tokio::time::{Duration, timeout};

use super::super::StoreError;

#[derive(Debug)]
pub(super) struct Opening<T> {
    /// How long an attempt may take.
    patience: Duration,
    state: Mutex<State<T>>,
    /// Attempts that failed.
    failed: AtomicU64,
}

#[derive(Debug)]
struct State<T> {
    /// How many were opened.
    opened: u64,
    open: Option<T>,
    /// Why the last attempt failed.
    why: Option<StoreError>,
}

/// What is open, and which one it is.
pub(super) struct Open<T> {
    number: u64,
    pub(super) it: T,
}

impl<T: Clone> Opening<T> {
    pub(super) fn within(patience: Duration) -> Self {
        let state = State { opened: 0, open: None, why: None };
        Self { patience, state: Mutex::new(state), failed: AtomicU64::new(0) }
    }

    /// What is open; else `opens` it. All who ask meanwhile share the attempt, and that it failed.
    pub(super) async fn get<E: Into<StoreError>>(
        &self,
        opens: impl Future<Output = Result<T, E>>,
    ) -> Result<Open<T>, StoreError> {
        let failed = self.failed.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        if let Some(it) = &state.open {
            return Ok(Open { number: state.opened, it: it.clone() });
        }
        if let Some(why) = state.why.as_ref().filter(|_| self.failed.load(Ordering::Acquire) != failed) {
            return Err(why.clone());
        }
        let tried = match timeout(self.patience, opens).await {
            Ok(tried) => tried.map_err(Into::into),
            Err(_) => Err(StoreError::Timeout),
        };
        match tried {
            Ok(it) => {
                state.opened += 1;
                state.open = Some(it.clone());
                Ok(Open { number: state.opened, it })
            }
            Err(why) => {
                state.why = Some(why.clone());
                self.failed.fetch_add(1, Ordering::Release);
                Err(why)
            }
        }
    }

    /// What was given before is of no use any more.
    pub(super) async fn close(&self, used: &Open<T>) {
        let mut state = self.state.lock().await;
        if state.opened == used.number {
            state.open = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn a_hundred_who_ask_while_nobody_answers_wait_for_one_attempt() {
        let opening = Opening::<()>::within(PATIENCE);
        let attempts = AtomicU32::new(0);
        let began = tokio::time::Instant::now();
        let ask = || {
            opening.get(async {
                attempts.fetch_add(1, Ordering::Relaxed);
                std::future::pending::<Result<(), StoreError>>().await
            })
        };
        let asked = futures_util::future::join_all((0..100).map(|_| ask())).await;
        assert!(asked.iter().all(|answer| matches!(answer, Err(StoreError::Timeout))));
        assert_eq!(attempts.load(Ordering::Relaxed), 1);
        assert!(began.elapsed() < PATIENCE + Duration::from_millis(100), "{:?}", began.elapsed());
        assert!(ask().await.is_err());
        assert_eq!(attempts.load(Ordering::Relaxed), 2, "who asks later tries anew");
    }

    #[tokio::test]
    async fn what_is_open_is_given_to_all_until_it_is_closed() {
        let opening = Opening::within(PATIENCE);
        let open = |it: u32| opening.get(std::future::ready(Ok::<_, StoreError>(it)));
        let first = open(1).await.expect("a connection");
        assert_eq!((first.it, open(2).await.expect("a connection").it), (1, 1));
        opening.close(&first).await;
        let second = open(3).await.expect("a connection");
        opening.close(&first).await;
        assert_eq!((second.it, open(4).await.expect("a connection").it), (3, 3), "another one is not closed");
    }
}
