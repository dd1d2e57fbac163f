//! Where commands go: to one server, or to the servers of a Cluster.

use redis::aio::ConnectionLike;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{
    Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisResult, Script, ScriptInvocation,
    ToRedisArgs, Value, cmd,
};
use tokio::time::timeout;

use super::super::StoreError;
use super::link::{Link, PATIENCE};
use super::opening::Opening;
use super::reply::{list, number, text};

/// How often a Cluster sends a command again that went to a wrong or dead server.
const RETRIES: u32 = 3;

#[derive(Debug)]
pub(super) struct Commands {
    /// The first address.
    info: ConnectionInfo,
    to: To,
}

enum To {
    One(Link),
    Cluster { client: ClusterClient, opening: Opening<ClusterConnection> },
}

impl std::fmt::Debug for To {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            To::One(_) => "One",
            To::Cluster { .. } => "Cluster",
        })
    }
}

/// A script with what it is given.
pub(super) struct Call<'a> {
    invocation: ScriptInvocation<'a>,
    names_keys: bool,
}

impl Call<'_> {
    /// Names a key that the script uses. Only a Cluster looks at them.
    pub(super) fn key(&mut self, name: impl ToRedisArgs) -> &mut Self {
        if self.names_keys {
            self.invocation.key(name);
        }
        self
    }

    pub(super) fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        self.invocation.arg(argument);
        self
    }
}

enum Asked<'a> {
    Script(&'a ScriptInvocation<'a>),
    Command(&'a Cmd),
}

impl Asked<'_> {
    async fn of(self, connection: &mut impl ConnectionLike) -> RedisResult<Value> {
        match self {
            Asked::Script(invocation) => invocation.invoke_async(connection).await,
            Asked::Command(command) => command.query_async(connection).await,
        }
    }
}

impl Commands {
    /// To the server behind the first address, or to the Cluster that all of them belong to.
    pub(super) fn new(urls: &[&str], is_cluster: bool) -> Result<Self, StoreError> {
        let first = urls.first().copied().unwrap_or_default();
        let info = first.into_connection_info()?;
        let to = if is_cluster {
            let builder = ClusterClient::builder(urls.iter().copied());
            let builder = builder.retries(RETRIES).connection_timeout(PATIENCE).response_timeout(PATIENCE);
            To::Cluster { client: builder.build()?, opening: Opening::within(PATIENCE * 2) }
        } else {
            To::One(Link::new(Client::open(info.clone())?, PATIENCE))
        };
        Ok(Self { info, to })
    }

    /// A script whose first key is `key`.
    pub(super) fn call<'a>(&self, script: &'a Script, key: &str) -> Call<'a> {
        Call { invocation: script.key(key), names_keys: matches!(self.to, To::Cluster { .. }) }
    }

    pub(super) async fn invoke(&self, call: &Call<'_>) -> Result<Value, StoreError> {
        self.ask(Asked::Script(&call.invocation)).await
    }

    pub(super) async fn query(&self, command: &Cmd) -> Result<Value, StoreError> {
        self.ask(Asked::Command(command)).await
    }

    async fn ask(&self, asked: Asked<'_>) -> Result<Value, StoreError> {
        match &self.to {
            To::One(link) => {
                let mut open = link.open().await?;
                match asked.of(&mut open.it).await {
                    Ok(value) => Ok(value),
                    Err(error) => {
                        link.note(&open, &error).await;
                        Err(error.into())
                    }
                }
            }
            To::Cluster { client, opening } => {
                let mut open = opening.get(client.get_async_connection()).await?;
                // It finds out by itself who has a slot, also while it moves, and connects again.
                let asking = timeout(PATIENCE * 2, asked.of(&mut open.it));
                Ok(asking.await.map_err(|_| StoreError::Timeout)??)
            }
        }
    }

    /// The server that has a key now.
    pub(super) async fn server_of(&self, key: &str) -> Result<Client, StoreError> {
        if matches!(self.to, To::One(_)) {
            return Ok(Client::open(self.info.clone())?);
        }
        let slot = number(self.query(cmd("CLUSTER").arg("KEYSLOT").arg(key)).await?)?;
        for range in list(self.query(cmd("CLUSTER").arg("SLOTS")).await?)? {
            let mut range = list(range)?.into_iter();
            let (Some(first), Some(last), Some(server)) = (range.next(), range.next(), range.next()) else {
                continue;
            };
            if !(number(first)?..=number(last)?).contains(&slot) {
                continue;
            }
            let mut server = list(server)?.into_iter();
            let (Some(host), Some(port)) = (server.next(), server.next()) else { continue };
            let host = text(host).unwrap_or_default();
            let port = u16::try_from(number(port)?).map_err(|_| StoreError::Answer("a port is too large"))?;
            return Ok(Client::open(self.info.clone().set_addr(self.beside(host, port)))?);
        }
        Err(StoreError::Answer("no server has this slot"))
    }

    /// Another server of the Cluster, reached in the way of the first. One that tells no host has the same.
    fn beside(&self, host: String, port: u16) -> ConnectionAddr {
        let known = match self.info.addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
            _ => String::new(),
        };
        let host = if host.is_empty() { known } else { host };
        match self.info.addr().clone() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure, tls_params }
            }
            _ => ConnectionAddr::Tcp(host, port),
        }
    }
}
