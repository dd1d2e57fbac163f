//! How many servers there are.

/// The servers of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// One server with a store of its own, held to what must follow from the bytes that reached it.
    Alone,
    /// Three servers on one store, held to what the store was told and to what users did.
    Shared,
}

impl Topology {
    /// Both.
    pub const ALL: [Self; 2] = [Topology::Alone, Topology::Shared];

    /// The topology of a number of nodes.
    pub fn parse(nodes: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topology| topology.nodes().to_string() == nodes)
    }

    /// How many nodes it has.
    pub const fn nodes(self) -> usize {
        match self {
            Topology::Alone => 1,
            Topology::Shared => 3,
        }
    }
}
