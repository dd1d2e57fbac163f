//! What happens to a server, beyond load: readers that stop, all clients cut at once, people coming and going. For our
//! own server: the others promise nothing of it.

mod churn;
mod cut;
mod returning;
mod stalled;

pub(crate) use churn::churn;
pub(crate) use cut::cut;
pub(crate) use stalled::stalled;
