//! What is counted and measured, as Prometheus reads it. Labels have few values: never a path, a repository, a fingerprint
//! or a user.

use crate::model::{Severity, Timestamp, Verdict};
use crate::rotation::{Event, Old, Outcome, Stage, State};
use crate::runner::stage_word;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// What the text is, for whoever asks over HTTP.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Ticks of a process's clock in a second, as Linux tells every program.
const TICKS: f64 = 100.0;

type Labels = Vec<(&'static str, String)>;
type Fraction = Gauge<f64, AtomicU64>;

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    scan_seconds: Histogram,
    scanned_bytes: Counter,
    last_scan: Fraction,
    gaps: Family<Labels, Counter>,
    findings: Family<Labels, Counter>,
    cases_open: Family<Labels, Gauge>,
    case_oldest: Fraction,
    exposure: Histogram,
    rotations: Family<Labels, Counter>,
    stage_seconds: Family<Labels, Histogram, fn() -> Histogram>,
    webhooks: Family<Labels, Counter>,
    webhook_missed: Counter,
    queue_depth: Gauge,
    queue_oldest: Fraction,
    notifications: Family<Labels, Counter>,
    notifications_waiting: Family<Labels, Gauge>,
    notifications_oldest: Family<Labels, Fraction>,
    journal_failures: Counter,
    checkpoint_last: Fraction,
    reload_success: Fraction,
    reload_failures: Counter,
}

/// What became of a message, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// The sink took it.
    Taken,
    /// It is tried again.
    Later,
    /// The sink refused it.
    Refused,
    /// It was tried for too long.
    GivenUp,
}

impl Delivered {
    fn word(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Later => "later",
            Self::Refused => "refused",
            Self::GivenUp => "given-up",
        }
    }
}

/// From seconds to days: exposures and stages.
fn long() -> Histogram {
    let minute = 60.0;
    let (hour, day) = (60.0 * minute, 24.0 * 60.0 * minute);
    Histogram::new([
        1.0,
        5.0,
        15.0,
        minute,
        5.0 * minute,
        15.0 * minute,
        hour,
        4.0 * hour,
        12.0 * hour,
        day,
        3.0 * day,
        7.0 * day,
        30.0 * day,
    ])
}

impl Metrics {
    /// Nothing counted yet; `started` is when the process began.
    #[must_use]
    pub fn new(started: Timestamp) -> Self {
        let mut all = Self {
            registry: Registry::default(),
            scan_seconds: Histogram::new([0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0]),
            scanned_bytes: Counter::default(),
            last_scan: Fraction::default(),
            gaps: Family::default(),
            findings: Family::default(),
            cases_open: Family::default(),
            case_oldest: Fraction::default(),
            exposure: long(),
            rotations: Family::default(),
            stage_seconds: Family::new_with_constructor(long as fn() -> Histogram),
            webhooks: Family::default(),
            webhook_missed: Counter::default(),
            queue_depth: Gauge::default(),
            queue_oldest: Fraction::default(),
            notifications: Family::default(),
            notifications_waiting: Family::default(),
            notifications_oldest: Family::default(),
            journal_failures: Counter::default(),
            checkpoint_last: Fraction::default(),
            reload_success: Fraction::default(),
            reload_failures: Counter::default(),
        };
        all.register(started);
        all
    }

    fn register(&mut self, started: Timestamp) {
        let of = self.registry.sub_registry_with_prefix("stanch");
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        of.register("build", "The program", build);
        of.register("scan_seconds", "How long a scan took", self.scan_seconds.clone());
        of.register("scanned_bytes", "Bytes that were scanned", self.scanned_bytes.clone());
        of.register("scan_last_timestamp_seconds", "When a scan last ended", self.last_scan.clone());
        of.register("coverage_gaps", "What could not be scanned, by reason", self.gaps.clone());
        of.register("findings", "New leaks, by severity and verdict", self.findings.clone());
        of.register("cases_open", "Open cases, by stage", self.cases_open.clone());
        of.register("case_oldest_seconds", "The age of the oldest open case", self.case_oldest.clone());
        of.register(
            "exposure_seconds",
            "From the first sight of a leak to its token observed dead",
            self.exposure.clone(),
        );
        of.register("rotations", "Cases that ended, by provider and outcome", self.rotations.clone());
        of.register("stage_seconds", "How long a stage lasted, by provider", self.stage_seconds.clone());
        of.register("webhooks", "Webhooks that came in, by source and outcome", self.webhooks.clone());
        of.register("webhook_missed", "Changes that only the poll saw", self.webhook_missed.clone());
        of.register("queue_depth", "Scans that wait", self.queue_depth.clone());
        of.register("queue_oldest_seconds", "How long the oldest of them waits", self.queue_oldest.clone());
        of.register("notifications", "Messages handed over, by sink and outcome", self.notifications.clone());
        of.register("notifications_waiting", "Messages that wait, by sink", self.notifications_waiting.clone());
        of.register(
            "notification_oldest_seconds",
            "How long the oldest message waits, by sink",
            self.notifications_oldest.clone(),
        );
        of.register("journal_failures", "Writes that the journal did not take", self.journal_failures.clone());
        of.register(
            "checkpoint_last_timestamp_seconds",
            "When a checkpoint last stood for the whole journal; before the first, since when one is due; 0 where none is \
             wanted",
            self.checkpoint_last.clone(),
        );
        of.register(
            "config_reload_success_timestamp_seconds",
            "When the configuration in use was read",
            self.reload_success.clone(),
        );
        of.register("config_reload_failures", "Configurations that were refused", self.reload_failures.clone());
        self.registry.register_collector(Box::new(Process { started }));
    }

    /// A scan ended: how long it took, how much it read, and how often what could not be read. `reason` has few values.
    pub fn scanned(&self, took: Duration, bytes: u64, gaps: &BTreeMap<&'static str, u64>, now: Timestamp) {
        self.scan_seconds.observe(took.as_secs_f64());
        self.scanned_bytes.inc_by(bytes);
        self.last_scan.set(seconds(now));
        for (reason, count) in gaps {
            self.gaps.get_or_create(&vec![("reason", (*reason).to_owned())]).inc_by(*count);
        }
    }

    /// A leak that was not known.
    pub fn found(&self, severity: Severity, verdict: Option<&Verdict>) {
        let verdict = verdict.map_or("unasked", Verdict::word);
        let labels = vec![("severity", severity.to_string()), ("verdict", verdict.to_owned())];
        self.findings.get_or_create(&labels).inc();
    }

    /// The open cases there are.
    pub fn cases<'a>(&self, open: impl IntoIterator<Item = &'a State>, now: Timestamp) {
        let mut stages: BTreeMap<String, i64> = BTreeMap::new();
        let mut oldest = Duration::ZERO;
        for state in open {
            *stages.entry(label(&state.stage)).or_default() += 1;
            oldest = oldest.max(now.since(state.opened));
        }
        self.cases_open.clear();
        for (stage, count) in stages {
            self.cases_open.get_or_create(&vec![("stage", stage)]).set(count);
        }
        self.case_oldest.set(oldest.as_secs_f64());
    }

    /// A durable event of a case: stages that ended, tokens that died, cases that closed. `provider` is the driver's name.
    pub fn told(&self, provider: &'static str, before: Option<&State>, event: &Event, after: &State) {
        let Some(before) = before else { return };
        if before.stage != after.stage {
            let labels = vec![("stage", label(&before.stage)), ("provider", provider.to_owned())];
            let lasted = event.at.since(before.entered);
            self.stage_seconds.get_or_create(&labels).observe(lasted.as_secs_f64());
        }
        if !matches!(before.old, Old::Dead(_)) && matches!(after.old, Old::Dead(_)) {
            self.exposure.observe(event.at.since(after.plan.leaked).as_secs_f64());
        }
        if let Stage::Closed(outcome) = &after.stage
            && before.stage != after.stage
        {
            let word = match outcome {
                Outcome::Rotated => "rotated",
                Outcome::AlreadyDead => "already-dead",
                Outcome::RolledBack(_) => "rolled-back",
                Outcome::Abandoned => "abandoned",
                Outcome::Swept => "swept",
            };
            let labels = vec![("provider", provider.to_owned()), ("outcome", word.to_owned())];
            self.rotations.get_or_create(&labels).inc();
        }
    }

    /// A webhook came in. Both words have few values: the forge, and what became of it.
    pub fn webhook(&self, source: &'static str, outcome: &'static str) {
        let labels = vec![("source", source.to_owned()), ("outcome", outcome.to_owned())];
        self.webhooks.get_or_create(&labels).inc();
    }

    /// A change that a webhook should have told and only the poll saw.
    pub fn webhook_missed(&self) {
        self.webhook_missed.inc();
    }

    /// Scans that wait, and how long the oldest does.
    pub fn queue(&self, depth: usize, oldest: Duration) {
        self.queue_depth.set(i64::try_from(depth).unwrap_or(i64::MAX));
        self.queue_oldest.set(oldest.as_secs_f64());
    }

    /// A message was handed over, or not.
    pub fn notified(&self, sink: &str, outcome: Delivered) {
        let labels = vec![("sink", quotable(sink)), ("outcome", outcome.word().to_owned())];
        self.notifications.get_or_create(&labels).inc();
    }

    /// Messages that wait for a sink, and how long the oldest does.
    pub fn notifications(&self, sink: &str, depth: u64, oldest: Duration) {
        let labels = vec![("sink", quotable(sink))];
        self.notifications_waiting.get_or_create(&labels).set(i64::try_from(depth).unwrap_or(i64::MAX));
        self.notifications_oldest.get_or_create(&labels).set(oldest.as_secs_f64());
    }

    /// The journal did not take a write.
    pub fn journal_failed(&self) {
        self.journal_failures.inc();
    }

    /// A checkpoint stands for all that the journal holds.
    pub fn marked(&self, now: Timestamp) {
        self.checkpoint_last.set(seconds(now));
    }

    /// Checkpoints are wanted, and none has come yet: their age counts from here.
    pub fn mark_due(&self, now: Timestamp) {
        if self.checkpoint_last.get() == 0.0 {
            self.marked(now);
        }
    }

    /// No checkpoints are wanted.
    pub fn unmarked(&self) {
        self.checkpoint_last.set(0.0);
    }

    /// A configuration came into use.
    pub fn reloaded(&self, now: Timestamp) {
        self.reload_success.set(seconds(now));
    }

    /// A configuration was refused; the one before stays.
    pub fn reload_failed(&self) {
        self.reload_failures.inc();
    }

    /// Everything, as OpenMetrics text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into text does not fail.
        let _written = prometheus_client::encoding::text::encode(&mut text, &self.registry).is_ok();
        text
    }
}

/// A stage as a label.
fn label(stage: &Stage) -> String {
    stage_word(stage).to_lowercase().replace(", ", "-").replace(' ', "-")
}

/// A name of the operator's as a label: the library writes values as they are, so no sign that ends one may be in it.
fn quotable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() || matches!(c, '"' | '\\') { '_' } else { c }).take(100).collect()
}

fn seconds(at: Timestamp) -> f64 {
    Duration::from_millis(at.0).as_secs_f64()
}

/// What the system knows of this process.
#[derive(Debug)]
struct Process {
    started: Timestamp,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut gauge = |name: &str, help: &str, value: Option<f64>| match value {
            Some(value) => {
                let one = ConstGauge::new(value);
                one.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
            }
            None => Ok(()),
        };
        let status = read("status");
        gauge("process_start_time_seconds", "When the process began", Some(seconds(self.started)))?;
        gauge("process_resident_memory_bytes", "Memory in use", kilobytes(&status, "VmRSS:"))?;
        gauge("process_virtual_memory_bytes", "Memory asked for", kilobytes(&status, "VmSize:"))?;
        gauge("process_threads", "Threads", field(&status, "Threads:"))?;
        gauge("process_open_fds", "Open files", open_files())?;
        gauge("process_max_fds", "Files that may be open", field(&read("limits"), "Max open files"))?;
        let Some(ticks) = ticks(&read("stat")) else { return Ok(()) };
        let one = ConstCounter::new(ticks / TICKS);
        one.encode(encoder.encode_descriptor("process_cpu_seconds", "Processor time", None, MetricType::Counter)?)
    }
}

fn read(name: &str) -> String {
    std::fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default()
}

/// The first number after a name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

fn kilobytes(text: &str, name: &str) -> Option<f64> {
    field(text, name).map(|count| count * 1024.0)
}

#[expect(clippy::cast_precision_loss, reason = "nobody has so many files open")]
fn open_files() -> Option<f64> {
    std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count().saturating_sub(1) as f64)
}

/// User and system time: the twelfth and thirteenth field after the name, which stands in parentheses.
fn ticks(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_says_what_was_counted() {
        let metrics = Metrics::new(Timestamp(1_700_000_000_000));
        let gaps = BTreeMap::from([("unreadable", 2)]);
        metrics.scanned(Duration::from_millis(300), 4096, &gaps, Timestamp(1_700_000_001_500));
        metrics.found(Severity::High, Some(&Verdict::Dead));
        metrics.found(Severity::High, None);
        metrics.webhook("github", "taken");
        metrics.notified("pager", Delivered::Taken);
        metrics.notifications("pager", 3, Duration::from_secs(7));
        metrics.queue(4, Duration::from_secs(1));
        metrics.mark_due(Timestamp(1_700_000_000_500));
        let text = metrics.text();
        for line in [
            "stanch_checkpoint_last_timestamp_seconds 1700000000.5",
            concat!("stanch_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "stanch_scanned_bytes_total 4096",
            "stanch_scan_last_timestamp_seconds 1700000001.5",
            "stanch_coverage_gaps_total{reason=\"unreadable\"} 2",
            "stanch_findings_total{severity=\"high\",verdict=\"dead\"} 1",
            "stanch_findings_total{severity=\"high\",verdict=\"unasked\"} 1",
            "stanch_webhooks_total{source=\"github\",outcome=\"taken\"} 1",
            "stanch_notifications_total{sink=\"pager\",outcome=\"taken\"} 1",
            "stanch_notifications_waiting{sink=\"pager\"} 3",
            "stanch_queue_depth 4",
            "process_start_time_seconds 1700000000.0",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
        }
        for name in
            ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds"]
        {
            let line =
                text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_else(|| panic!("{name}"));
            assert!(line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() >= 0.0);
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0 5 6 7";
        assert_eq!(ticks(stat), Some(200.0));
        assert_eq!(ticks("7 (a"), None);
    }
}
