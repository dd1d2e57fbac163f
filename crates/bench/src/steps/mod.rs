//! The measurements, one after the other on the same connections.

mod burst;
mod idle;
mod join;
mod paced;

pub(crate) use burst::burst;
pub(crate) use idle::{idle, memory};
pub(crate) use join::join;
pub(crate) use paced::{Arrivals, Order, Paced, paced};
