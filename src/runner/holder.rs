//! Who runs a case: one process of one boot of one machine, named so that others can see when it has ended.
//!
//! A process that was killed cannot give its lease back. Where it can be proved that it is gone, nobody has to wait for
//! the lease to run out; where it cannot (another machine, another boot, another container), the lease decides alone.

use super::RunError;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use std::path::Path;

/// The name of this process as the holder of a lease: process, start, boot and namespaces, and a random part.
///
/// # Errors
/// [`RunError::Random`] when the system gives no random bytes.
pub fn holder() -> Result<String, RunError> {
    let mut unique = [0_u8; 8];
    getrandom::fill(&mut unique).map_err(|_| RunError::Random)?;
    Ok(format!("{}:{}", process(std::process::id()), data_encoding::HEXLOWER.encode(&unique)))
}

/// The number of the process that a holder's name stands for.
#[must_use]
pub fn process_of(holder: &str) -> &str {
    holder.split(':').next().unwrap_or(holder)
}

/// A process, as far as it can be told apart from all others. Parts that cannot be read are empty.
fn process(number: u32) -> String {
    let started = status(number).map(|status| status.started).unwrap_or_default();
    format!("{number}:{started}:{}", here().unwrap_or_default())
}

/// True when the process of that name runs, or ran, on this machine since it was started last.
#[must_use]
pub fn is_of_this_machine(holder: &str) -> bool {
    holder.split(':').nth(2).is_some_and(|boot| !boot.is_empty() && here().is_some_and(|here| here == boot))
}

/// True only when the process of that name is surely gone: it ran under this boot and in these namespaces, and its number
/// is free, has been given to a later process, or belongs to a remainder that nobody has waited for.
#[must_use]
pub fn has_ended(holder: &str) -> bool {
    let mut parts = holder.splitn(4, ':');
    let (Some(number), Some(started), Some(boot)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let Ok(number) = number.parse::<u32>() else { return false };
    if started.is_empty() || here().is_none_or(|here| here != boot) {
        return false;
    }
    let Some(pid) = i32::try_from(number).ok().and_then(Pid::from_raw) else { return false };
    // Asked of the kernel and not of /proc, which may be told to hide the processes of others.
    if test_kill_process(pid) == Err(Errno::SRCH) {
        return true;
    }
    status(number).is_some_and(|status| status.started != started || status.is_remainder)
}

/// The boot and the namespaces in which numbers of processes and times of their start mean the same; none where that is
/// not known, or where /proc shows another namespace than this process lives in.
fn here() -> Option<String> {
    let own = std::fs::read_to_string("/proc/self/stat").ok()?;
    if own.split(' ').next()?.parse() != Ok(std::process::id()) {
        return None;
    }
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = |name: &str| {
        let link = std::fs::read_link(Path::new("/proc/self/ns").join(name)).ok()?;
        link.to_str().map(|text| text.replace(':', "-"))
    };
    // Kernels before 5.6 have no namespaces of time.
    Some(format!("{}/{}/{}", boot.trim(), space("pid")?, space("time").unwrap_or_default()))
}

/// What the kernel says of a process.
struct Status {
    /// When it started, in ticks since the boot.
    started: String,
    /// It has ended and only waits to be noticed by its parent.
    is_remainder: bool,
}

fn status(number: u32) -> Option<Status> {
    let text = std::fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    // The second field is the program's name and may hold anything, brackets too.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let (state, threads, started) = (fields.first()?, fields.get(17)?, fields.get(19)?);
    // The first thread may have ended before the others.
    let is_remainder = matches!(*state, "Z" | "X") && threads.parse::<u32>().is_ok_and(|threads| threads <= 1);
    Some(Status { started: (*started).to_owned(), is_remainder })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    fn sleeper() -> Child {
        Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap()
    }

    fn named(child: &Child) -> String {
        format!("{}:some-random-part", process(child.id()))
    }

    #[test]
    fn this_process_has_not_ended_and_is_named_once() {
        let (one, other) = (holder().unwrap(), holder().unwrap());
        assert_ne!(one, other);
        assert_eq!(process_of(&one), std::process::id().to_string());
        assert!(!has_ended(&one) && !has_ended(&other));
        assert!(is_of_this_machine(&one) && !is_of_this_machine("7:1::x") && !is_of_this_machine("7:1:elsewhere:x"));
    }

    #[test]
    fn a_process_has_ended_once_it_was_killed_noticed_or_not() {
        let mut child = sleeper();
        let name = named(&child);
        assert!(!has_ended(&name), "it runs: {name}");
        child.kill().unwrap();
        let deadline = (0..6_000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            has_ended(&name)
        });
        assert!(deadline, "nobody has waited for it yet, but it has ended: {name}");
        child.wait().unwrap();
        assert!(has_ended(&name), "its number is free: {name}");
    }

    #[test]
    fn a_number_that_was_given_again_stands_for_another_process() {
        let mut child = sleeper();
        let name = named(&child);
        let parts: Vec<&str> = name.split(':').collect();
        let earlier = [parts[0], "1", parts[2], parts[3]].join(":");
        assert!(has_ended(&earlier), "{earlier}");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn what_is_not_known_has_not_ended() {
        let mut child = sleeper();
        let name = named(&child);
        child.kill().unwrap();
        child.wait().unwrap();
        let parts: Vec<&str> = name.split(':').collect();
        let boot = parts[2].split('/').next().unwrap();
        let another_boot = name.replace(boot, "00000000-0000-0000-0000-000000000000");
        let another_space = name.replace("pid-[", "pid-[1");
        let no_start = [parts[0], "", parts[2], parts[3]].join(":");
        for unknown in [another_boot, another_space, no_start, format!("{}-0badcafe", parts[0]), String::new()] {
            assert!(!has_ended(&unknown), "{unknown}");
        }
        assert!(has_ended(&name), "the one that they were made from has: {name}");
    }
}
