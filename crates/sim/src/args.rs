//! The command line.

use herenow_sim::{Profile, Topology};

/// What `--help` says.
pub(crate) const HELP: &str = "\
Deterministic simulation of herenow. A seed that fails is printed with its invariant and a minimal trace.

  sim --seeds N [--from S] [--profile calm|rough|hell] [--threads T]   run N seeds from S on (default 1)
  sim --seed S [--trace] [--profile P]   run one seed; --trace: with everything that happens
  --nodes 1|3                            only on one server, or on three that share a store (default: on both)
  sim --list-breaks                      names the rules that can be broken on purpose
  sim --break NAME --seeds N ...         breaks one: it must fail (needs --features breaks)
";

/// What to do.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) task: Task,
    pub(crate) profile: Profile,
    pub(crate) topologies: Vec<Topology>,
    pub(crate) broken: Option<String>,
}

#[derive(Debug)]
pub(crate) enum Task {
    Help,
    ListBreaks,
    One { seed: u64, trace: bool },
    Many { seeds: u64, from: u64, threads: usize },
}

/// Reads the arguments; the error is for people.
pub(crate) fn read(args: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = args.skip(1);
    let (mut seed, mut seeds, mut from, mut threads) = (None, 100, 1, 2);
    let mut topologies = Topology::ALL.to_vec();
    let (mut profile, mut broken, mut trace, mut other) = (Profile::Rough, None, false, None);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--seed" => seed = Some(number(&value()?)?),
            "--seeds" => seeds = number(&value()?)?,
            "--from" => from = number(&value()?)?,
            "--threads" => threads = number(&value()?)?.clamp(1, 64) as usize,
            "--profile" => {
                let name = value()?;
                profile = Profile::parse(&name).ok_or(format!("there is no profile {name}"))?;
            }
            "--nodes" => {
                let nodes = value()?;
                topologies = vec![Topology::parse(&nodes).ok_or(format!("{nodes} is neither 1 nor 3"))?];
            }
            "--break" => broken = Some(value()?),
            "--trace" => trace = true,
            "--list-breaks" => other = Some(Task::ListBreaks),
            "--help" | "-h" => other = Some(Task::Help),
            _ => return Err(format!("{arg} is not known; see --help")),
        }
    }
    let task = match (other, seed) {
        (Some(other), _) => other,
        (None, Some(seed)) => Task::One { seed, trace },
        (None, None) => Task::Many { seeds, from, threads },
    };
    Ok(Args { task, profile, topologies, broken })
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is not a number"))
}
