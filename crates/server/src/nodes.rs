//! The other nodes on the same store: says who this one is, and hears what operators asked of others.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::time::sleep;
use utoipa::ToSchema;

use crate::actor::{Command, Stopped};
use crate::app::App;
use crate::members::Unavailable;
use crate::store::StoreError;
use crate::store::redis::{Kick, RedisStore};

/// How often a node says who it is.
const ANNOUNCE: Duration = Duration::from_millis(2_500);
/// The pause after the store did not answer.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// A node as operators see it.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct NodeInfo {
    node: String,
    version: String,
    /// Milliseconds since its start.
    uptime_ms: u64,
    draining: bool,
    connections: usize,
    users: usize,
}

/// Runs until the server ends.
pub(crate) async fn keep_in_touch(app: Arc<App>, store: Arc<RedisStore>) {
    // Before others see this node: what they ask of it from then on reaches it.
    let place = store.last_kick().await.ok();
    tokio::join!(announce(&app, &store), follow(&app, &store, place));
}

async fn announce(app: &App, store: &RedisStore) {
    while let Ok(info) = app.about_this_node().await {
        // Only texts and numbers.
        let about = serde_json::to_string(&info).unwrap_or_default();
        if let Err(error) = store.announce(&info.node, &about).await {
            tracing::debug!(%error, "this node could not be announced");
        }
        sleep(ANNOUNCE).await;
    }
}

async fn follow(app: &App, store: &RedisStore, mut place: Option<String>) {
    loop {
        if let Err(error) = hear(app, store, &mut place).await {
            match error {
                Unavailable::Stopped => return,
                Unavailable::Store => sleep(AFTER_FAILURE).await,
            }
        }
    }
}

/// Hears of kicks once.
async fn hear(app: &App, store: &RedisStore, place: &mut Option<String>) -> Result<(), Unavailable> {
    let own = app.actor.read(|registry, _| registry.node().to_owned()).await?;
    let known = match place.take() {
        Some(known) => known,
        None => store.last_kick().await?,
    };
    let answer = store.kicks_after(place.insert(known)).await;
    let (reached, kicks) = answer?;
    *place = Some(reached);
    for Kick { node, application, user, channel } in kicks {
        if node != own {
            // How many are concerned is told where the operator asked.
            let (answer, _) = oneshot::channel();
            app.actor.send(Command::Kick { application, user, channel, answer }).await?;
        }
    }
    Ok(())
}

impl App {
    /// This node as others show it.
    async fn about_this_node(&self) -> Result<NodeInfo, Stopped> {
        let draining = self.lifecycle.is_draining();
        let look = move |registry: &herenow_registry::Registry, now: herenow_registry::Millis| NodeInfo {
            node: registry.node().to_owned(),
            version: env!("CARGO_PKG_VERSION").into(),
            uptime_ms: now.0,
            draining,
            connections: registry.connections(),
            users: registry.users_here(),
        };
        self.actor.read(look).await
    }

    /// All nodes on the same store, by name; none for a node alone.
    pub(crate) async fn nodes(&self) -> Result<Vec<NodeInfo>, StoreError> {
        let Some(store) = &self.store else { return Ok(Vec::new()) };
        // One of a release that says it in another way is left out.
        Ok(store.nodes().await?.iter().filter_map(|about| serde_json::from_str(about).ok()).collect())
    }

    /// Kicks a user here and tells the other nodes. Gives how many sessions were concerned here.
    pub(crate) async fn kick(
        &self,
        application: String,
        user: String,
        channel: Option<String>,
    ) -> Result<usize, Unavailable> {
        if let Some(store) = &self.store {
            let node = self.actor.read(|registry, _| registry.node().to_owned()).await?;
            let (application, user, channel) = (application.clone(), user.clone(), channel.clone());
            store.kick(&Kick { node, application, user, channel }).await?;
        }
        let (answer, answered) = oneshot::channel();
        self.actor.send(Command::Kick { application, user, channel, answer }).await?;
        Ok(answered.await.map_err(|_| Stopped)?)
    }
}
