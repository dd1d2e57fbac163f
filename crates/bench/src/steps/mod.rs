//! The measurements, one after the other on the same connections.

mod burst;
mod idle;
mod join;
mod operations;
mod paced;

pub(crate) use burst::burst;
pub(crate) use idle::{held, idle, memory};
pub(crate) use join::join;
pub(crate) use operations::{Kind, operations};
pub(crate) use paced::{Arrivals, Order, Paced, paced};
